"""An execution replayed from its stored history is the execution that was recorded live, and goes on like it.

Two ways to advance a run must not differ: with answers that list all actions, as after a replay, and with answers that
list the new ones, as from an orchestrator that stays alive.
"""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from devhost.engine.execution import Execution, Kind, Note
from devhost.hub.rows import Instance, Status
from devhost.protocol.answer import Action, Retry
from devhost.tests.unit.actions import (
    activity,
    activity_with_retry,
    answer,
    any_of,
    call_entity,
    child,
    child_with_retry,
    event,
    signal_entity,
    tail,
    timer,
)
from devhost.tests.unit.fake_clock import FakeClock
from devhost.tests.unit.one_run import RUN, OneRun

EVENTS = ("go", "Go", "stop")
TEXTS = st.none() | st.text(max_size=20)
LEAVES = st.one_of(
    st.builds(activity, st.sampled_from(["hello", "bye"]), st.integers()),
    st.builds(activity_with_retry, st.just("hello"), st.integers(1, 3)),
    st.builds(child, st.just("child")),
    st.builds(child_with_retry, st.just("child"), st.integers(1, 3)),
    st.integers(-5, 30).map(lambda seconds: timer(FakeClock().advance(seconds))),
    st.builds(event, st.sampled_from(EVENTS)),
    st.builds(call_entity, st.just("@counter@k"), st.just("add")),
    st.builds(signal_entity, st.just("@counter@k"), st.just("add")),
)
ACTIONS = LEAVES | st.lists(LEAVES, min_size=1, max_size=3).map(lambda leaves: any_of(*leaves))


@given(
    st.builds(
        Note,
        retry=st.none() | st.builds(Retry, st.integers(0), st.integers(1)),
        input=TEXTS,
        retry_of=st.none() | st.integers(0),
        request_id=TEXTS,
        is_signal=st.booleans(),
    )
)
def test_a_note_is_read_as_it_was_written(note: Note) -> None:
    assert Note.load(note.dump()) == note


def test_no_note_is_an_empty_note() -> None:
    assert Note.load(None) == Note()


def test_an_instance_that_has_not_run_has_no_tasks() -> None:
    now = FakeClock().now()
    execution = Execution.replay(Instance("run", "e", "main", Status.PENDING, now, now), [])
    assert (execution.tasks, execution.next_id, execution.rendered_history()) == ([], 0, "[]")


def test_suspending_and_resuming_replays_too() -> None:
    run = OneRun()
    run.turn(answer(activity("hello")))
    run.suspend(answer(activity("hello")))
    run.resume(answer(activity("hello")))
    run.complete(0)
    run.turn(answer(activity("hello"), activity("bye")))


class RunMachine(RuleBasedStateMachine):
    """Takes two runs through the same random turns, in both ways. `OneRun` compares every turn with a replay."""

    @initialize()
    def begin(self) -> None:
        """Start a run that asks for nothing yet."""
        self.replayed, self.live = OneRun(), OneRun()
        self.runs = (self.replayed, self.live)
        self.actions: list[Action] = []
        self.take_a_turn([], None)

    @precondition(lambda self: self.replayed.due())
    @rule(
        new=st.lists(ACTIONS, max_size=2),
        cancel=st.none() | st.integers(0, 10),
    )
    def take_a_turn(self, new: list[Action], cancel: int | None) -> None:
        """Deliver one message; the orchestrator asks for some more, and cancels one of its timers."""
        places = self._cancel_timer(cancel)
        self.actions += new
        self.replayed.turn(answer(*self.actions), self.replayed.due()[:1])
        self.live.turn(tail(*new, canceled=places), self.live.due()[:1])

    @rule(name=st.sampled_from(["go", "GO", "stop", "never awaited"]))
    def raise_an_event(self, name: str) -> None:
        """Raise an external event."""
        for run in self.runs:
            run.raise_event(name)

    @precondition(lambda self: self.replayed.activities)
    @rule(data=st.data(), succeeds=st.booleans())
    def finish_an_activity(self, data: st.DataObject, succeeds: bool) -> None:
        """Let one of the running activities end."""
        task_id = data.draw(st.sampled_from([item.task_id for item in self.replayed.activities]))
        for run in self.runs:
            if succeeds:
                run.complete(task_id)
            else:
                run.fail(task_id)

    @rule(seconds=st.integers(-5, 20))
    def pass_time(self, seconds: int) -> None:
        """Move the clock, sometimes back."""
        for run in self.runs:
            run.clock.advance(seconds)

    @rule()
    def restart(self) -> None:
        """Go on from the task hub, where answers list all actions."""
        self.replayed.restart()

    @invariant()
    def both_ways_lead_to_the_same(self) -> None:
        """Compare what was scheduled, what is open and what waits."""
        seen, again = (
            (
                [(item.task_id, item.name, item.input) for item in run.activities],
                [(timer.task_id, timer.due) for timer in run.timers],
                sorted(message.target.partition(":")[2] for message in run.sent),
                [(event["EventType"], event["EventId"], event["Timestamp"]) for event in run.stored_events()],
                run.instance.status,
            )
            for run in self.runs
        )
        assert seen == again

    @invariant()
    def ids_have_no_gaps(self) -> None:
        """Every id is given once, in order."""
        ids = [event["EventId"] for event in self.replayed.stored_events() if event["EventId"] >= 0]
        assert ids == list(range(len(ids)))

    @invariant()
    def every_open_task_has_its_work(self) -> None:
        """What the run waits for is in the task hub, once: an activity, a timer, or a result on its way."""
        results = [message.task_id for message in self.live.hub.pending_messages() if message.target == RUN]
        running = [item.task_id for item in self.live.activities]
        for task_id, task in self.live.pending.items():
            if task.kind in (Kind.ACTIVITY, Kind.TIMER):
                assert (results + running).count(task_id) == 1

    def _cancel_timer(self, number: int | None) -> tuple[int, ...]:
        """Cancel the timer of this number, if there is one, and return its place among all tasks."""
        tasks = [leaf for action in self.actions for leaf in action.leaves() if leaf.name not in EVENTS]
        places = [place for place, task in enumerate(tasks) if task.fire_at and not task.canceled]
        if number is None or number >= len(places):
            return ()
        target = tasks[places[number]]
        self.actions = [_with_canceled(action, target) for action in self.actions]
        return (places[number],)


def _with_canceled(action: Action, timer: Action) -> Action:
    """Return the action with this very timer canceled, wherever in it that is."""
    if action is timer:
        return replace(action, canceled=True)
    return replace(action, children=tuple(_with_canceled(child, timer) for child in action.children))


TestRun = RunMachine.TestCase
TestRun.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
