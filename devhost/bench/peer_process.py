"""The child process in which an engine does what it is asked."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from operator import methodcaller
from pathlib import Path
from typing import Any, Self

from devhost.bench.outcomes import WrongOutcomeError
from devhost.bench.peer import Peer

# How long a peer may take for all that it is asked at once.
_ANSWER_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Contender:
    """An engine by its label in the tables: the module with its `open_peer`, and the options that takes."""

    label: str
    module: str
    options: Mapping[str, Any] = field(default_factory=dict)


class PeerError(Exception):
    """A peer could not do what it was asked; the text is its stack trace, `reason` a sentence without it."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


class PeerProcess:
    """A peer in a process of its own, which works only while it is asked something."""

    def __init__(self, contender: Contender, folder: Path) -> None:
        """Start the process, open the peer on the folder and wait until it is ready.

        Raises:
            PeerError: It could not be opened.
        """
        self.label = contender.label
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, contender, folder), daemon=True)
        self._process.start()
        theirs.close()
        self.ready_at: float = self._receive()

    def __enter__(self) -> Self:
        """Return the process, to be ended with the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.kill()

    def ask(self, method: str, *arguments: object) -> Any:
        """Call a method of the peer and return what it returned.

        Raises:
            PeerError: The method raised, or the process ended.
        """
        self.send(method, *arguments)
        return self._receive()

    def send(self, method: str, *arguments: object) -> None:
        """Call a method of the peer and leave it at that."""
        self._connection.send((method, arguments))

    def kill(self) -> None:
        """End the process as a crash would."""
        self._process.kill()
        self._process.join()
        self._connection.close()

    def _receive(self) -> Any:
        if not self._connection.poll(_ANSWER_SECONDS):
            raise self._error(f"no answer within {_ANSWER_SECONDS:g} s.")
        try:
            answer = self._connection.recv()
        except EOFError:
            raise self._error("the process ended.") from None
        if isinstance(answer, _Failure):
            raise self._error(answer.reason, answer.trace)
        return answer

    def _error(self, reason: str, trace: str = "") -> PeerError:
        return PeerError(f"{self.label}:\n{trace or reason}", f"{self.label}: {reason}")


@dataclass(frozen=True, slots=True)
class _Failure:
    """What a peer's process says instead of an answer."""

    reason: str
    trace: str


def _serve(connection: Connection, contender: Contender, folder: Path) -> None:
    """Do what the pipe says. The process never ends normally: that would wait for the threads of the engines."""
    logging.basicConfig(level=logging.ERROR)
    try:
        peer: Peer = importlib.import_module(contender.module).open_peer(folder, **contender.options)
        connection.send(time.time())
        while True:
            method, arguments = connection.recv()
            connection.send(methodcaller(method, *arguments)(peer))
    except EOFError:  # the benchmark has ended
        os._exit(0)
    except Exception as error:
        sentence = str(error) if isinstance(error, WrongOutcomeError) else f"{type(error).__name__}: {error}"
        connection.send(_Failure(sentence, traceback.format_exc()))
        os._exit(1)
