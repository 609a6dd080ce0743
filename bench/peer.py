"""What every engine is asked to do, and the child process in which it does it."""

from __future__ import annotations

import gc
import importlib
import logging
import multiprocessing
import os
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from operator import methodcaller
from pathlib import Path
from typing import Any, ClassVar, Self

RUN_SECONDS = 120.0
"""How long a run may take before the benchmark gives up on it."""

FIRST_TURN_SECONDS = 0.05
"""How long to wait after a run has begun, until it waits for its event."""

_MEMORY = Path("/proc/self/statm")


class Peer(ABC):
    """An engine, opened on a folder of its own and driven through its client's API. All times are seconds.

    It knows the orchestrations `chain` and `fan_out` of `size` no-op activities, one after the other or side by side.
    """

    warm_ups: ClassVar[int] = 3
    """How many runs of an orchestration, one after the other, are too early to be measured."""

    event_warm_ups: ClassVar[int] = 3
    """How many events are too early to be measured."""

    @abstractmethod
    def time_parallel(self, orchestration: str, size: int, count: int) -> float:
        """Start this many runs at once and return how long it took until all had ended."""

    @abstractmethod
    def time_event(self) -> float:
        """Have a run wait for an event, and return how long it took from sending the event to the end of the run."""

    @abstractmethod
    def pause(self, count: int) -> None:
        """Start this many runs, and return when all of them wait for an event."""

    def warm_up(self) -> None:
        """Run everything a few times, so that what is measured later is not the first of its kind."""
        self.time_runs("chain", 10, self.warm_ups)
        self.time_runs("fan_out", 100, self.warm_ups)
        self.time_parallel("chain", 1, 20)
        self.time_events(self.event_warm_ups)

    def time_runs(self, orchestration: str, size: int, times: int) -> list[float]:
        """Run an orchestration this often, one run after the other, and return how long each took."""
        return [self.time_parallel(orchestration, size, 1) for _ in range(times)]

    def time_events(self, times: int) -> list[float]:
        """Send events to this many runs, one after the other, and return how long each took."""
        return [self.time_event() for _ in range(times)]

    def idle(self, seconds: float) -> float:
        """Do nothing for a while and return the CPU time that the process, with all its threads, used."""
        before = time.process_time()
        time.sleep(seconds)
        return time.process_time() - before

    def memory(self) -> int | None:
        """Return the process's resident bytes after a garbage collection, or None where Linux's /proc is missing."""
        gc.collect()
        if not _MEMORY.exists():
            return None
        return int(_MEMORY.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Recoverable(Peer):
    """An engine that goes on with its runs when it is opened again on its folder."""

    @abstractmethod
    def start_jittered(self, count: int, steps: int) -> None:
        """Start runs named `run-0`, `run-1`, ... of so many jittered steps each, and return at once."""

    @abstractmethod
    def wait_for_jittered(self, count: int) -> int:
        """Wait until these runs have ended and return how many of them completed."""


@dataclass(frozen=True, slots=True)
class Contender:
    """An engine by its label in the tables: the module with its `open_peer`, and the options that takes."""

    label: str
    module: str
    options: Mapping[str, Any] = field(default_factory=dict)


class PeerError(Exception):
    """A peer could not do what it was asked; the text is its stack trace."""


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
        try:
            failed, value = self._connection.recv()
        except EOFError:
            raise PeerError(f"The process of {self.label} ended.") from None
        if failed:
            raise PeerError(f"{self.label}:\n{value}")
        return value


def _serve(connection: Connection, contender: Contender, folder: Path) -> None:
    """Do what the pipe says. The process never ends normally: that would wait for the threads of the engines."""
    logging.basicConfig(level=logging.ERROR)
    try:
        peer: Peer = importlib.import_module(contender.module).open_peer(folder, **contender.options)
        connection.send((False, time.time()))
        while True:
            method, arguments = connection.recv()
            connection.send((False, methodcaller(method, *arguments)(peer)))
    except EOFError:  # the benchmark has ended
        os._exit(0)
    except Exception:
        connection.send((True, traceback.format_exc()))
        os._exit(1)
