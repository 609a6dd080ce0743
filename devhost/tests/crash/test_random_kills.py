"""Many runs at once, on a host that is killed at random moments for about twenty seconds.

The seed decides the runs and the pauses between the kills; CRASH_SEED=N repeats those of an earlier failure.
"""

import itertools
import json
import os
import random
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from random import Random
from typing import Any

import pytest

from devhost.tests.conformance.player.compare import compare
from devhost.tests.conformance.player.newest import one_blank
from devhost.tests.conformance.player.programs import generate, play_programs
from devhost.tests.crash import errands
from devhost.tests.crash.crash_host import CrashHost
from devhost.tests.crash.oracle import Oracle
from devhost.tests.crash.stories import Teller

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")

RECORDED = Path(__file__).parents[1] / "conformance" / "recordings" / "programs.json"
SECONDS = 15
CALLERS = 6
PROGRAMS = 40


@pytest.fixture
def seed() -> int:
    """The seed of this run, told on the terminal when the test fails."""
    chosen = int(os.environ.get("CRASH_SEED") or random.randrange(2**32))
    sys.stdout.write(f"CRASH_SEED={chosen} repeats this run.\n")
    return chosen


@pytest.mark.thorough
@pytest.mark.timeout(150)
def test_runs_survive_kills_at_any_moment(crashing: CrashHost, seed: int) -> None:
    """Every run ends as it should, nothing committed runs again, and no operation is applied twice."""
    dice = Random(seed)
    oracle = Oracle()
    told: dict[str, errands.Steps] = {}
    recorded = {number: outcome for number, outcome in recording().items() if counts_no_attempts(int(number))}
    programs = dice.sample(sorted(recorded), PROGRAMS)

    end = time.monotonic() + SECONDS
    with ThreadPoolExecutor(CALLERS + 1) as pool:
        playing = pool.submit(play_programs, crashing.url, list(map(int, programs)), workers=4, patience=20)
        seeds = [dice.randrange(2**32) for _ in range(CALLERS)]
        calling = [pool.submit(call, crashing, Random(one), f"c{n}", end, told, oracle) for n, one in enumerate(seeds)]
        kills = kill_at_random(crashing, dice, oracle, [playing, *calling])

    for caller in calling:
        caller.result()
    result = compare(recorded, playing.result())
    assert not result.differing, "\n".join(result.details(places=6))
    crashing.wait_until_idle()
    with crashing.killed():
        oracle.look(crashing)
    check_effects(crashing, told)
    assert crashing.rows("PRAGMA integrity_check") == [("ok",)]
    assert kills >= 10 and oracle.settled >= 100, f"a weak test: {kills} kills, {oracle.settled} effects settled"


def kill_at_random(crashing: CrashHost, dice: Random, oracle: Oracle, running: list[Future[Any]]) -> int:
    """Kill the host until nothing runs any more, look into its file each time, and return the number of kills."""
    kills = 0
    while True:
        # Short pauses hit the recovery, long ones let runs come far.
        _, still_running = wait(running, timeout=dice.choice([0.05, 0.2, 0.5, 1]) * dice.random())
        if not still_running or any(one.done() and one.exception() for one in running):
            return kills
        with crashing.killed():
            oracle.look(crashing)
        kills += 1


def call(
    crashing: CrashHost,
    dice: Random,
    caller: str,
    end: float,
    told: dict[str, errands.Steps],
    oracle: Oracle,
) -> None:
    """Start one run after the other until the time is over, and see each end as it should."""
    for number in itertools.takewhile(lambda _: time.monotonic() < end, itertools.count()):
        run = f"{caller}-{number}"
        steps = told[run] = errands.random_steps(dice, (f"{run}.{n}" for n in itertools.count()))
        oracle.attempts.update(errands.effects(steps))
        teller = Teller(crashing, run, steps)
        teller.start()
        for event in errands.events(steps):
            teller.raise_event(event)
        ended = crashing.wait(run, runtimeStatus="Completed")
        assert ended["output"] == errands.results(steps)


def check_effects(crashing: CrashHost, told: dict[str, errands.Steps]) -> None:
    """See that everything has happened, and every operation on an entity once, in order."""
    states = dict(crashing.rows("SELECT entity_id, state FROM entities"))
    for run, steps in told.items():
        assert errands.effects(steps) <= crashing.effects_of(run), run
        applied = json.loads(states.get(f"@tally@{run}", "{}"))
        assert list(applied.items()) == list(errands.counted(steps).items()), run


def recording() -> dict[str, Any]:
    """Return the outcome of each random program of the reference app, by seed, as the newest extension has it."""
    outcomes: dict[str, Any] = one_blank(json.loads(RECORDED.read_text(encoding="utf-8")))
    return outcomes


def counts_no_attempts(number: int) -> bool:
    """Whether a program's outcome is the same when an activity is run once more."""
    return "flaky" not in json.dumps(generate(number))
