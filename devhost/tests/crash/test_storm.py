"""A few seconds of a storm in each mode, with threads at ease and restless, and with kills.

`python -m tests.crash.storm` makes one for as long as one likes; CRASH_SEED=N repeats what callers did.
"""

import os
import random
import sys
from pathlib import Path

import pytest

from devhost.sessions import Mode
from devhost.tests.crash.storm.storm import Weather, storm

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL"),
    pytest.mark.timeout(150),
]


@pytest.fixture
def seed() -> int:
    """The seed of this storm, told on the terminal when the test fails."""
    chosen = int(os.environ.get("CRASH_SEED") or random.randrange(2**32))
    sys.stdout.write(f"CRASH_SEED={chosen} repeats what the callers did.\n")
    return chosen


@pytest.mark.parametrize(
    "is_restless", [pytest.param(False, marks=pytest.mark.thorough), True], ids=["at ease", "restless"]
)
@pytest.mark.parametrize("mode", Mode)
def test_all_promises_are_kept(tmp_path: Path, seed: int, mode: Mode, is_restless: bool) -> None:
    outcome = storm(tmp_path, Weather(seed, mode, is_restless=is_restless), seconds=2)
    assert outcome.faults == []
    assert outcome.runs >= 6


def test_chains_hear_every_event(tmp_path: Path, seed: int) -> None:
    outcome = storm(tmp_path, Weather(seed, shape="chains"), seconds=2)
    assert outcome.faults == []
    assert outcome.runs >= 2


@pytest.mark.parametrize("is_restless", [False, True], ids=["at ease", "restless"])
def test_all_promises_are_kept_though_the_host_is_killed(tmp_path: Path, seed: int, is_restless: bool) -> None:
    weather = Weather(seed, is_restless=is_restless, early_timers=is_restless, kill_seconds=0.7)
    outcome = storm(tmp_path, weather, seconds=3)
    assert outcome.faults == []
    assert outcome.kills >= 2
