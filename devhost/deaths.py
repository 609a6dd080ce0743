"""Work that ends the process: told from a host that somebody killed, and not run for ever.

A function that calls `os._exit`, or crashes in C, ends the host; the next host takes up the same work, and ends too.
Who ends in that way leaves a note beside the task hub; a kill from outside leaves none. At the third note about one
instance or entity its work is not run again. Not told apart is a process that kills itself with a signal, or that the
system kills for its memory: those look like a kill from outside, which no run must fail for.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import mmap
import os
import re
import struct
from pathlib import Path
from threading import get_ident
from typing import BinaryIO

from devhost.user_log import about

logger = logging.getLogger("devhost.deaths")

MOST_DEATHS = 3

_THREADS, _BYTES = 256, 2048
_HEAD = struct.Struct(">QH")
# What faulthandler writes when a thread has crashed.
_CRASHED = re.compile(rb"Fatal Python error: ([^\n]*)\n.*?Current thread 0x([0-9a-f]+)", re.DOTALL)


class ProcessEndedError(Exception):
    """The work has ended the process too often to be run once more."""


class Deaths:
    """Knows which work has ended the processes that had a task hub before. The caller holds the hub's lock.

    `deadly` has, by the id of an instance or entity, why its work is not run again.
    """

    def __init__(self, hub: Path) -> None:
        self._hub = hub
        self._counts, self._note, self._table = (
            hub.with_name(f"{hub.name}.{one}") for one in ("deaths", "note", "table")
        )
        self._file: BinaryIO | None = None
        self._places: dict[int, int] = {}
        counts: dict[str, int] = json.loads(self._counts.read_text("utf-8")) if self._counts.exists() else {}
        if (found := self._read_note()) is not None:
            whose, how = found
            counts[whose] = counts.get(whose, 0) + 1
            self._counts.write_text(json.dumps(counts), "utf-8")
            logger.error("%s: its code ended the last process of this host (%s).", whose, how)
        text = "Its code has ended the process of the host {} times, and is not run again."
        self.deadly = {
            one: ProcessEndedError(text.format(times)) for one, times in counts.items() if times >= MOST_DEATHS
        }

    def watch(self) -> None:
        """From now on, let whoever ends this process leave a note."""
        self._table.write_bytes(bytes(_THREADS * _BYTES))
        with self._table.open("r+b") as table:
            self._map = mmap.mmap(table.fileno(), 0)
        self._file = self._note.open("w+b")
        faulthandler.enable(self._file, all_threads=True)
        process, leave, note = os.getpid(), os._exit, self._file

        def leave_a_note(status: int) -> None:
            if os.getpid() == process and about.get():  # a child that was forked ends only itself
                note.write(json.dumps([about.get(), f"os._exit({status})"]).encode())
                note.flush()
            leave(status)

        os._exit = leave_a_note  # type: ignore[assignment]  # it never returns either

    def mark_thread(self) -> None:
        """Write down for whom this thread works now, where the system keeps it when the process ends."""
        text = about.get().encode("utf-8", "surrogatepass")[: _BYTES - _HEAD.size]
        ident = get_ident()
        place = self._places.setdefault(ident, len(self._places) % _THREADS) * _BYTES
        self._map[place : place + _HEAD.size + len(text)] = _HEAD.pack(ident, len(text)) + text

    def close(self) -> None:
        """Forget it all: the host has ended as it should."""
        faulthandler.disable()
        for path in (self._note, self._table, self._counts):
            path.unlink(missing_ok=True)

    def _read_note(self) -> tuple[str, str] | None:
        """Return whose code ended the last process, and how; None when nobody has left a note."""
        note = self._note.read_bytes() if self._note.exists() else b""
        if note.startswith(b"["):
            whose, how = json.loads(note)
            return str(whose), str(how)
        if (crashed := _CRASHED.search(note)) is None:
            return None
        ident = int(crashed[2], 16)
        table = self._table.read_bytes() if self._table.exists() else b""
        for place in range(0, len(table), _BYTES):
            owner, length = _HEAD.unpack_from(table, place)
            text = table[place + _HEAD.size : place + _HEAD.size + length]
            if owner == ident and text:
                return text.decode("utf-8", "surrogatepass"), crashed[1].decode()
        return None
