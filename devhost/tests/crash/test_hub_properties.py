"""However requests, time, full disks and crashes follow each other, all runs end as if nothing had been.

Hypothesis tells an engine what to do, has its commits refused, and crashes it before or after any commit, or between
two rounds of the event loop. Time is virtual, so that a minute passes at once.
"""

import itertools
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from devhost.engine.client import HubClient, InstanceEndedError, InstanceNotFoundError, InstanceStateError
from devhost.protocol.json_text import compact
from devhost.sessions import Mode
from devhost.testing.kills.kill_plan import When
from devhost.tests.crash import errands
from devhost.tests.crash.engines import Engines
from devhost.tests.crash.oracle import Oracle
from devhost.tests.crash.virtual_time import VirtualTimeLoop

LONGEST_SECONDS = 60
SECONDS = st.floats(0, 1) | st.just(LONGEST_SECONDS)


@dataclass(slots=True)
class Run:
    """One run as the caller knows it."""

    id: str
    steps: errands.Steps
    raised: set[str] = field(default_factory=set)
    terminated: bool = False


class CrashingEngine(RuleBasedStateMachine):
    """Starts runs, talks to them and crashes; at the end brings them all to their end and compares."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = VirtualTimeLoop()
        self.oracle = Oracle()
        self.runs: list[Run] = []

    @initialize(mode=st.sampled_from(Mode), dice=st.randoms(use_true_random=False))
    def open(self, mode: Mode, dice: Random) -> None:
        self.engines = Engines(self.loop, self.folder / "state.db", mode)
        self.start(dice)

    @rule(dice=st.randoms(use_true_random=False))
    def start(self, dice: Random) -> None:
        """Start a run; one that a crash prevented is not there."""
        run_id = f"run{len(self.runs)}"
        steps = errands.random_steps(dice, (f"{run_id}.{n}" for n in itertools.count()))
        order = compact(errands.order(run_id, steps))
        self.ask(partial(HubClient.start, name="errands", instance_id=run_id, input_text=order))
        if self.engines.hub.instance(run_id) is not None:
            self.runs.append(Run(run_id, steps))
            self.oracle.attempts.update(errands.effects(steps))

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def raise_the_next_event(self, data: st.DataObject) -> None:
        """Raise an event that a run waits for or will wait for."""
        self.raise_next(data.draw(st.sampled_from(self.runs)))

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def suspend(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.runs))
        self.ask(lambda client: client.suspend(run.id, None))

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        self.resume_one(data.draw(st.sampled_from(self.runs)))

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def terminate(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.runs))
        run.terminated |= self.ask(lambda client: client.terminate(run.id, "enough"))

    @rule(seconds=SECONDS)
    def let_time_pass(self, seconds: float) -> None:
        self.engines.run_for(seconds)

    @rule(rounds=st.integers(0, 12))
    def go_on_a_little(self, rounds: int) -> None:
        self.engines.run_rounds(rounds)

    @rule(commit=st.integers(1, 8), when=st.sampled_from([When.BEFORE, When.AFTER]), seconds=SECONDS)
    def crash_soon(self, commit: int, when: When, seconds: float) -> None:
        self.engines.hub.crash_at(commit, when)
        self.engines.run_for(seconds)

    @rule(times=st.integers(1, 4), seconds=SECONDS)
    def refuse_to_write(self, times: int, seconds: float) -> None:
        self.engines.hub.refuse(times)
        self.engines.run_for(seconds)

    @rule()
    def crash_now(self) -> None:
        self.engines.crash()

    @invariant()
    def keeps_what_it_has(self) -> None:
        """What was committed is not done again, and histories only grow."""
        self.oracle.look(self.engines)

    def teardown(self) -> None:
        """Bring all runs to their end and compare; there is nothing left to do then."""
        try:
            self.finish()
            self.compare()
        finally:
            self.engines.close()
            self.loop.close()
            shutil.rmtree(self.folder)

    def finish(self) -> None:
        for _ in range(20):
            for run in self.runs:
                self.resume_one(run)
                self.raise_next(run)
            self.engines.run_for(LONGEST_SECONDS)
        self.oracle.look(self.engines)

    def compare(self) -> None:
        hub = self.engines.hub
        assert (list(hub.pending_messages()), list(hub.pending_activities())) == ([], [])
        for run in self.runs:
            instance = hub.instance(run.id)
            assert instance is not None
            if run.terminated and instance.status == "Terminated":
                continue
            assert (instance.status, instance.output) == ("Completed", compact(errands.results(run.steps)))
            expected, effects = errands.effects(run.steps), self.effects_of(run)
            assert expected <= effects if self.engines.crashes else expected == effects
            entity = hub.entity(f"@tally@{run.id}")
            applied = json.loads((entity and entity.state) or "{}")
            assert list(applied.items()) == list(errands.counted(run.steps).items())

    def effects_of(self, run: Run) -> Counter[str]:
        return Counter({key: number for (one, key), number in self.engines.effects().items() if one == run.id})

    def resume_one(self, run: Run) -> None:
        self.ask(lambda client: client.resume(run.id, None))

    def raise_next(self, run: Run) -> None:
        """Raise the first event of a run that was not raised yet."""
        for name in errands.events(run.steps):
            if name not in run.raised:
                if self.ask(partial(HubClient.raise_event, instance_id=run.id, name=name, input_text=compact(name))):
                    run.raised.add(name)
                return

    def ask(self, what: Callable[[HubClient], object]) -> bool:
        """Ask for something that may be refused; return whether it was committed."""
        try:
            return self.engines.ask(what)
        except (InstanceEndedError, InstanceNotFoundError, InstanceStateError):
            return False


# The SDK warns of events that come before they are waited for.
TestCrashes = pytest.mark.filterwarnings("ignore:Potential duplicate Task")(CrashingEngine.TestCase)
TestCrashes.settings = settings(max_examples=80, stateful_step_count=20, deadline=None)
