"""What every engine is asked to do, and how it is seen that it did it."""

from __future__ import annotations

import gc
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from devhost.bench.outcomes import EVENTS, RESUMED, Outcome, WrongOutcomeError, check, expected
from devhost.bench.progress import END, event_name, steps_before, steps_taken

RUN_SECONDS = 120.0
"""How long a run may take before the benchmark gives up on it."""

FIRST_TURN_SECONDS = 0.05
"""How long to wait after a run has begun, until it waits for its event."""

_LOOK_SECONDS = 0.001
_MEMORY = Path("/proc/self/statm")


class Peer(ABC):
    """An engine, opened on a folder of its own and driven through its client's API. All times are seconds.

    It knows the orchestrations of `devhost/bench/outcomes.py`, all of `size` activities, and each time is of runs that
    have completed with the output named there: that is read once the clock has stopped.
    """

    warm_ups: ClassVar[int] = 3
    """How many runs of an orchestration, one after the other, are too early to be measured."""

    event_warm_ups: ClassVar[int] = 3
    """How many events are too early to be measured."""

    _paused: Sequence[str] = ()

    @abstractmethod
    def start(self, orchestration: str, size: int, count: int) -> list[str]:
        """Start this many runs at once and return their ids."""

    @abstractmethod
    def start_waiting(self, count: int) -> list[str]:
        """Start this many runs, and return their ids when all of them wait for the event `go`."""

    @abstractmethod
    def send_event(self, run: str, name: str, payload: object) -> None:
        """Send an event to a run."""

    @abstractmethod
    def wait(self, runs: Sequence[str]) -> None:
        """Wait for the end of one run after the other.

        Raises:
            TimeoutError: One has not ended within `RUN_SECONDS`.
        """

    @abstractmethod
    def outcomes(self, runs: Sequence[str]) -> list[Outcome]:
        """Return how these runs stand, without those that are not there."""

    def run_timed(self, orchestration: str, size: int, count: int) -> tuple[list[str], float]:
        """Start this many runs at once and return their ids, and how long it took until all had ended."""
        started = time.perf_counter()
        runs = self.start(orchestration, size, count)
        self.wait(runs)
        return runs, time.perf_counter() - started

    def resume_timed(self, run: str) -> float:
        """Send a waiting run its event and return how long it took from there to the end of the run."""
        sent = time.perf_counter()
        self.send_event(run, "go", RESUMED)
        self.wait([run])
        return time.perf_counter() - sent

    def warm_up(self) -> None:
        """Run everything a few times, so that what is measured later is not the first of its kind."""
        self.time_runs("chain", 10, self.warm_ups)
        self.time_runs("fan_out", 100, self.warm_ups)
        self.time_parallel("chain", 1, 20)
        self.time_events(self.event_warm_ups)

    def time_parallel(self, orchestration: str, size: int, count: int) -> float:
        """Start this many runs at once and return how long it took until all had ended."""
        runs, seconds = self.run_timed(orchestration, size, count)
        self._check(orchestration, size, runs)
        return seconds

    def time_runs(self, orchestration: str, size: int, times: int) -> list[float]:
        """Run an orchestration this often, one run after the other, and return how long each took."""
        return [self.time_parallel(orchestration, size, 1) for _ in range(times)]

    def time_events(self, times: int) -> list[float]:
        """Send events to this many runs, one after the other, and return how long each took from there to its end."""
        return [self._time_event() for _ in range(times)]

    def pause(self, count: int) -> None:
        """Start this many runs, and return when all of them wait for an event."""
        self._paused = self.start_waiting(count)

    def resume(self) -> None:
        """Send the paused runs their event: each was really waiting for it if it completes now."""
        for run in self._paused:
            self.send_event(run, "go", RESUMED)
        self.wait(self._paused)
        self._check("wait_for_go", 0, self._paused)
        self._paused = ()

    def warm_up_chains_with_events(self) -> None:
        """Run short chains with events, as many of each kind as there have to be."""
        self.time_chains_with_events(2 * EVENTS, 2 * self.event_warm_ups)

    def time_chains_with_events(self, size: int, count: int) -> float:
        """Run chains of short steps into which events are raised, and return how long it took until all had ended.

        Half of the `count` chains wait for each of their events, the others look at none but the last.
        """
        started = time.perf_counter()
        listening = self.start("listening_chain", size, count // 2)
        deaf = self.start("deaf_chain", size, count - len(listening))
        in_time = self._raise_events([*listening, *deaf], size)
        self.wait([*listening, *deaf])
        seconds = time.perf_counter() - started
        self._check("listening_chain", size, listening)
        self._check("deaf_chain", size, deaf)
        if 2 * in_time < EVENTS * count:
            raise WrongOutcomeError(
                f"Only {in_time} of {EVENTS * count} events were raised before the last step of their chain."
            )
        return seconds

    def _time_event(self) -> float:
        runs = self.start_waiting(1)
        seconds = self.resume_timed(runs[0])
        self._check("wait_for_go", 0, runs)
        return seconds

    def _raise_events(self, runs: Sequence[str], size: int) -> int:
        """Raise each run's events when they are due, and return how many came before its last step had ended."""
        due = dict.fromkeys(runs, 0)
        in_time = 0
        deadline = time.monotonic() + RUN_SECONDS
        while due:
            for run, event in list(due.items()):
                taken = steps_taken(run)
                if taken < steps_before(event, size):
                    continue
                self.send_event(run, event_name(event), event)
                in_time += taken < size
                due[run] += 1
                if due[run] == EVENTS:
                    self.send_event(run, END, None)
                    del due[run]
            if time.monotonic() > deadline:
                slow = ", ".join(f"{run} after {steps_taken(run)} steps" for run in due)
                raise TimeoutError(f"Chains of {size} steps go on no more within {RUN_SECONDS:g} s: {slow}.")
            time.sleep(_LOOK_SECONDS)
        return in_time

    def _check(self, orchestration: str, size: int, runs: Sequence[str]) -> None:
        check(runs, self.outcomes(runs), expected(orchestration, size))

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

    def wait_for_jittered(self, count: int, steps: int) -> float:
        """Wait until these runs have completed with the right output and return when the last had ended, since 1970."""
        runs = [f"run-{n}" for n in range(count)]
        self.wait(runs)
        ended_at = time.time()
        self._check("jittered_chain", steps, runs)
        return ended_at
