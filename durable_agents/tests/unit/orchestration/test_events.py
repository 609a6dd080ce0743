"""Events: each reaches one wait, in the order in which they came, whoever waits, and whoever has given up."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from durable_agents import FOREVER, Orchestration, OrchestrationContext, Steps, StepTimeoutError
from durable_agents.testing import Replay, replay

HOUR = timedelta(hours=1)
Story = Callable[[OrchestrationContext, "Nothing"], Steps[Any]]


class Nothing(BaseModel):
    """The input of the runs here."""


class Round(BaseModel):
    """The input of a run that begins anew."""

    number: int = 0
    got: list[Any] = []


def work(request: Nothing) -> int:
    """Do something."""
    raise NotImplementedError


def play(story: Story) -> Replay:
    return replay(Orchestration(story), {})


def test_events_that_come_before_anybody_waits_are_kept_in_their_order_and_each_for_one_wait() -> None:
    def story(context: OrchestrationContext, request: Nothing) -> Steps[list[Any]]:
        yield from context.call(work, request)
        results = []
        for _ in range(3):
            results.append((yield from context.wait_for("Go")))
        return results

    run = play(story)
    run.raise_event("Go", 1)
    run.raise_event("Go", 2)
    run.complete("work", 0)
    assert not run.state["isDone"]
    run.raise_event("Go", 3)
    assert run.state["output"] == [1, 2, 3]


def test_an_event_reaches_who_still_waits_although_a_younger_wait_was_given_up() -> None:
    def story(context: OrchestrationContext, request: Nothing) -> Steps[Any]:
        def impatient() -> Steps[object]:
            try:
                return (yield from context.wait_for("Go", timeout=HOUR))
            except StepTimeoutError:
                return "given up"

        return (yield from context.all([context.wait_for("Go", timeout=FOREVER), impatient()]))

    run = play(story)
    run.fire_timer()
    run.settle()
    run.raise_event("Go", "now")
    assert run.state["output"] == ["now", "given up"]


def test_of_two_who_wait_for_one_event_the_one_that_stands_first_gets_it() -> None:
    def story(context: OrchestrationContext, request: Nothing) -> Steps[Any]:
        inner = context.all([context.wait_for("Go", timeout=HOUR), context.call(work, request)])
        return (yield from context.all([inner, context.wait_for("Go")]))

    run = play(story)
    run.raise_event("Go", 1)
    run.raise_event("Go", 2)
    run.complete("work", 0)
    assert run.state["output"] == [[1, 0], 2]


def test_one_event_ends_a_race_of_those_who_wait_for_it_and_the_next_is_for_another() -> None:
    def story(context: OrchestrationContext, request: Nothing) -> Steps[Any]:
        won = yield from context.first([context.wait_for("Go"), context.wait_for("Go"), context.sleep(HOUR)])
        return [won.index, won.result, (yield from context.wait_for("Go"))]

    run = play(story)
    run.raise_event("Go", 1)
    run.raise_event("Go", 2)
    assert run.state["output"] == [0, 1, 2]
    assert run.timers() == {}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    hours=st.lists(st.sampled_from([None, 1.0, 2.0, 3.0]), max_size=5),
    events=st.integers(0, 8),
    starts_late=st.booleans(),
    data=st.data(),
)
def test_no_event_is_lost_and_none_comes_twice(
    hours: list[float | None], events: int, starts_late: bool, data: st.DataObject
) -> None:
    def story(context: OrchestrationContext, request: Nothing) -> Steps[list[int]]:
        got: list[int] = []

        def waiter(timeout: float | None) -> Steps[None]:
            got.append((yield from context.wait_for("Go", int, timeout=FOREVER if timeout is None else timeout * HOUR)))

        if starts_late:
            yield from context.sleep(HOUR)
        yield from context.all([waiter(timeout) for timeout in hours], return_exceptions=True)
        while len(got) < events:
            got.append((yield from context.wait_for("Go", int, timeout=FOREVER)))
        return got

    run, raised = play(story), 0
    while not run.state["isDone"]:
        timers = sorted((leaf["fireAt"], number) for number, leaf in run.timers().items())
        may_raise = raised < events + len(hours)
        assert may_raise or timers
        if may_raise and (not timers or data.draw(st.booleans())):
            run.raise_event("Go", raised)
            raised += 1
        else:
            run.fire(timers[0][1])
    assert run.state["output"] == list(range(len(run.state["output"])))


@pytest.mark.parametrize("as_text", [True, False])
def test_an_event_may_bring_anything(as_text: bool) -> None:
    def story(context: OrchestrationContext, request: Nothing) -> Steps[Any]:
        return [(yield from context.wait_for("Go")), (yield from context.wait_for("Go"))]

    run = play(story)
    run.raise_event("Go", None, as_text=as_text)
    run.raise_event("Go", {"a": [1]}, as_text=as_text)
    assert run.state["output"] == [None, {"a": [1]}]


def counting(context: OrchestrationContext, request: Round) -> Steps[list[Any]]:
    """Give up a wait, and take two events in the rounds after it, which an hour parts."""
    got = list(request.got)
    if request.number == 0:
        yield from context.first([context.wait_for("Go"), context.wait_for("Other"), context.wait_for("Start")])
    else:
        got.append((yield from context.wait_for("Go")))
        yield from context.first([context.wait_for("Go"), context.wait_for("Next")])
    if request.number == 2:
        return got
    yield from context.sleep(HOUR)
    yield from context.continue_as_new(Round(number=request.number + 1, got=got))
    return ["never"]


def input_anew(run: Replay) -> dict[str, Any]:
    """Return what the run has continued with."""
    action = run.state["actions"][0][-1]
    assert action["actionType"] == 4
    stored = action["input"]
    anew: dict[str, Any] = json.loads(stored) if isinstance(stored, str) else stored
    return anew


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("brought", [None, 1, {"a": [2]}])
def test_what_came_for_a_wait_that_was_given_up_is_there_when_the_run_begins_anew(brought: Any, as_text: bool) -> None:
    run = replay(Orchestration(counting), {})
    run.raise_event("Start", None)
    run.raise_event("Go", brought, as_text=as_text)
    # For these no wait is open any more: the task hub has them.
    run.raise_event("Go", 3)
    run.raise_event("Unknown", 4)
    run.fire_timer()
    assert input_anew(run) == {"number": 1, "got": [], "_kept_events": {"Go": [brought]}}
    run = replay(Orchestration(counting), input_anew(run))
    run.raise_event("Next", None)
    run.fire_timer()
    assert input_anew(run) == {"number": 2, "got": [brought]}


def test_what_is_kept_over_several_rounds_is_taken_in_its_order() -> None:
    run = replay(Orchestration(counting), {"number": 1, "_kept_events": {"Go": [1, 2], "Other": [3]}})
    # The race is won by what was kept.
    run.fire_timer()
    assert input_anew(run) == {"number": 2, "got": [1], "_kept_events": {"Other": [3]}}


def test_an_event_of_the_turn_in_which_the_run_begins_anew_is_kept() -> None:
    class Late(Replay):
        late: tuple[str, ...] = ()

        def look(self, run_input: Any) -> dict[str, Any]:
            self.history += [self._event({"EventType": 15, "Name": name, "Input": "5"}) for name in self.late]
            return super().look(run_input)

    run = Late(replay(Orchestration(counting), {}).handle)
    run.start({})
    run.raise_event("Start", None)
    run.late = ("Go", "Go", "Unknown")
    run.fire_timer()
    assert input_anew(run) == {"number": 1, "got": [], "_kept_events": {"Go": [5]}}
