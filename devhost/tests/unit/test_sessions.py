"""An orchestrator kept alive, fed its new events alone, answers what the recorded one did to whole histories."""

import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from devhost.protocol.answer import Action, Answer, parse_answer, parse_failure
from devhost.protocol.history import Event
from devhost.sessions import ReplayDiffersError, Session, check_same
from devhost.testing.host_process import REPOSITORY
from devhost.tests.unit.actions import activity, all_of, answer, call_entity, child, continue_as_new, tail, timer
from devhost.tests.unit.fake_clock import FakeClock
from devhost.tests.unit.recordings import ORCHESTRATIONS, TURNS

Orchestrators = Mapping[str, Callable[[Any], Any]]
EXECUTION_STARTED = 0


@pytest.fixture(scope="module")
def orchestrators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orchestrators]:
    """The recorded app's functions, by name."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("REFERENCE_SCRATCH", str(tmp_path_factory.mktemp("scratch")))
        path = REPOSITORY / "devhost" / "tests" / "conformance" / "app" / "function_app.py"
        spec = importlib.util.spec_from_file_location("recorded_app", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield {one.get_function_name(): one.get_user_function() for one in module.app.get_functions()}


def executions(title: str) -> list[list[dict[str, Any]]]:
    """Return the recorded turns of an orchestration, one list for each execution."""
    found: dict[str, list[dict[str, Any]]] = {}
    for turn in TURNS[title]:
        started = next(one for one in turn["request"]["history"] if one["EventType"] == EXECUTION_STARTED)
        found.setdefault(started["OrchestrationInstance"]["ExecutionId"], []).append(turn)
    return list(found.values())


def recorded_answer(turn: dict[str, Any]) -> Answer:
    response = turn["response"]
    if "raised" in response:
        return parse_failure(response["raised"])
    return parse_answer(json.dumps(response["returned"]))


def new_events(turn: dict[str, Any], before: dict[str, Any]) -> list[Event]:
    """Return the events, as they are stored, that the turn before was not given."""
    history = turn["request"]["history"][len(before["request"]["history"]) :]
    return [{name: value for name, value in event.items() if name != "IsPlayed"} for event in history]


@pytest.mark.parametrize("title", ORCHESTRATIONS)
def test_live_orchestrator_answers_as_recorded(orchestrators: Orchestrators, title: str) -> None:
    for turns in executions(title):
        name = next(one["Name"] for one in turns[0]["request"]["history"] if one["EventType"] == EXECUTION_STARTED)
        session = Session(orchestrators[name], json.dumps(turns[0]["request"]))
        first = session.begin()
        assert first == recorded_answer(turns[0])
        actions = first.actions
        for before, turn in pairwise(turns):
            live = session.go_on(new_events(turn, before))
            actions += live.actions
            recorded = recorded_answer(turn)
            whole = replace(live, actions=actions, canceled=None)
            assert _without_cancellations(whole) == _without_cancellations(recorded)
            check_same(name, live, recorded)


def _without_cancellations(answer: Answer) -> Answer:
    """Return the answer with all timers as they were created; an answer of new actions tells of cancellations apart."""

    def created(action: Action) -> Action:
        return replace(action, canceled=False, children=tuple(map(created, action.children)))

    return replace(answer, actions=tuple(map(created, answer.actions)))


# What replays are held to


def test_when_an_agent_was_asked_may_differ() -> None:
    first, again = ({"message": "hi", "created_at": moment} for moment in ("12:00:00", "12:00:01"))
    check_same("main", answer(call_entity("@agent@a", "run", first)), answer(call_entity("@agent@a", "run", again)))


def test_new_actions_are_compared_with_the_last_of_all() -> None:
    live = tail(activity("bye"))
    check_same("main", live, answer(activity("hello"), activity("bye")))


@pytest.mark.parametrize(
    ("live", "replayed"),
    [
        (answer(activity("hello")), answer(activity("bye"))),
        (answer(activity("hello", "12:00:00")), answer(activity("hello", "12:00:01"))),
        (answer(all_of(activity("hello", 1))), answer(all_of(activity("hello", 2)))),
        (answer(child("child", None, 1)), answer(child("child", None, 2))),
        (answer(call_entity("@agent@a", "run", {"id": 1})), answer(call_entity("@agent@a", "run", {"id": 2}))),
        (answer(continue_as_new(1), done=True), answer(continue_as_new(2), done=True)),
        (answer(output=1), answer(output=2)),
        (answer(activity("hello")), answer(activity("hello"), output=1)),
        (answer(status="a"), answer(status="b")),
        (answer(timer(FakeClock().now())), answer(timer(FakeClock().advance(1)))),
        (tail(activity("bye")), answer(activity("bye"), activity("hello"))),
    ],
    ids=[
        "name",
        "input",
        "input of one of many",
        "child",
        "operation",
        "continue as new",
        "output",
        "end",
        "custom status",
        "time",
        "order",
    ],
)
def test_anything_else_that_differs_is_an_error_with_what_to_do(live: Answer, replayed: Answer) -> None:
    with pytest.raises(ReplayDiffersError) as difference:
        check_same("main", live, replayed)
    text = str(difference.value)
    assert text.startswith("The orchestrator 'main' is not deterministic: it answered ")
    assert text.endswith(
        "Take time, randomness and everything from outside from the context, an activity or the input."
    )
