"""A storm: many callers, a polled list and a coroutine that blocks, on a real host that may be killed all the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from devhost.sessions import Mode
from devhost.testing.kills.supervised_host import LostAnswerError
from devhost.tests.crash.crash_host import CrashHost
from devhost.tests.crash.oracle import Oracle
from devhost.tests.crash.storm.caller import SHAPES, Caller
from devhost.tests.crash.storm.promises import Promises, gaps

_PAUSE_SECONDS = 0.005
_LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Weather:
    """What kind of storm: with `kill_seconds`, the host is killed each time so many have passed."""

    seed: int
    mode: Mode = Mode.LIVE
    shape: str = "mixed"
    is_restless: bool = False
    early_timers: bool = False
    kill_seconds: float | None = None
    patience: float = 40.0

    @property
    def flags(self) -> list[str]:
        """The host's."""
        flags = ["--unplanned", "--mode", self.mode.value]
        flags += ["--restless"] if self.is_restless else []
        return flags + (["--early-timers"] if self.early_timers else [])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is wrong, nothing at best, and how much there was."""

    faults: list[str]
    runs: int
    requests: int
    kills: int
    lives: dict[str, int]


def storm(folder: Path, weather: Weather, seconds: float) -> Outcome:
    """Let callers live on a new host for so long, then compare what happened with what they were promised.

    Raises:
        AssertionError: A run does not end, ends otherwise than it should, or an answer is wrong.
    """
    is_killed = weather.kill_seconds is not None
    host = CrashHost(folder, weather.flags, is_killed=is_killed, patience=weather.patience)
    with closing(host):
        promises = Promises()
        oracle = Oracle(promises.attempts)
        host.read("/instances")
        dice, end = Random(weather.seed), time.monotonic() + seconds
        count, lives = SHAPES[weather.shape]
        callers = [Caller(host, promises, Random(dice.random()), f"c{n}", is_killed) for n in range(count)]
        kills = 0
        with _polled(host) as polls, ThreadPoolExecutor(count) as pool:
            calling = [pool.submit(caller.live, lives, end) for caller in callers]
            while not _have_ended(calling, weather.kill_seconds or _LOOK_SECONDS):
                if is_killed:
                    kills += 1
                    with host.killed():
                        oracle.look(host)
                    host.read("/instances?top=1")  # on a slow machine too it lives for a while
                assert not (found := gaps(host)), f"gaps in the histories of {found}"
        for one in [*calling, *polls]:
            one.result()
        host.wait_until_idle()
        if is_killed:
            with host.killed():
                oracle.look(host)
        faults = promises.faults(host, was_killed=is_killed)
        return Outcome(faults, len(promises.runs), host.requests, kills, dict(promises.lives))


def _have_ended(calling: list[Future[None]], seconds: float) -> bool:
    """Wait a while for all callers; what one of them raises is told at once."""
    done, running = wait(calling, timeout=seconds, return_when=FIRST_EXCEPTION)
    for one in done:
        one.result()
    return not running


@contextmanager
def _polled(host: CrashHost) -> Iterator[list[Future[None]]]:
    """Ask for the list of instances, and for what blocks the event loop, again and again."""
    over = threading.Event()

    def poll(path: str) -> None:
        while not over.wait(_PAUSE_SECONDS):
            try:
                answer = host.send("GET", path)
            except LostAnswerError:
                continue
            assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"

    paths = ("/runtime/webhooks/durabletask/instances?top=100", "/api/blocks")
    with ThreadPoolExecutor(len(paths)) as pool:
        polls = [pool.submit(poll, path) for path in paths]
        try:
            yield polls
        finally:
            over.set()
