"""What orchestrators answer is read as the recorded SDK wrote it, and refused when it is something else."""

import json
from typing import Any

import pytest

from devhost.protocol.answer import (
    Action,
    ActionType,
    Answer,
    ProtocolError,
    Retry,
    parse_answer,
    parse_failure,
)
from devhost.tests.unit.recordings import ORCHESTRATIONS, TURNS

LABEL = "\n\n$OutOfProcData$:"


def state(*actions: dict[str, Any], **fields: Any) -> str:
    """Return the SDK's JSON with these actions."""
    return json.dumps({"isDone": False, "schemaVersion": 2, "actions": [list(actions)], **fields})


ACTIONS = [
    (
        {"actionType": 0, "functionName": "hello", "input": '"Tokyo"'},
        Action(ActionType.CALL_ACTIVITY, "hello", input='"Tokyo"'),
    ),
    (
        {
            "actionType": 1,
            "functionName": "flaky",
            "input": "1",
            "retryOptions": {"firstRetryIntervalInMilliseconds": 100, "maxNumberOfAttempts": 3},
        },
        Action(ActionType.CALL_ACTIVITY_WITH_RETRY, "flaky", input="1", retry=Retry(100, 3)),
    ),
    (
        {"actionType": 2, "functionName": "loop", "input": "null", "instanceId": None, "version": None},
        Action(ActionType.CALL_SUB_ORCHESTRATOR, "loop", input="null"),
    ),
    (
        {
            "actionType": 3,
            "functionName": "loop",
            "input": "null",
            "instanceId": "a",
            "version": None,
            "retryOptions": {"firstRetryIntervalInMilliseconds": 5000, "maxNumberOfAttempts": 1},
        },
        Action(ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY, "loop", "a", "null", retry=Retry(5000, 1)),
    ),
    ({"actionType": 4, "input": "2"}, Action(ActionType.CONTINUE_AS_NEW, input="2")),
    (
        {"actionType": 5, "fireAt": "2026-11-21T06:18:45.894869Z", "isCanceled": True},
        Action(ActionType.CREATE_TIMER, fire_at="2026-11-21T06:18:45.894869Z", canceled=True),
    ),
    (
        {"actionType": 6, "externalEventName": "go", "reason": "ExternalEvent"},
        Action(ActionType.WAIT_FOR_EXTERNAL_EVENT, "go"),
    ),
    (
        {"actionType": 7, "instanceId": "@counter@k", "operation": "add", "input": "7"},
        Action(ActionType.CALL_ENTITY, "add", "@counter@k", "7"),
    ),
    (
        {"actionType": 8, "httpRequest": {"method": "GET", "uri": "http://localhost/"}},
        Action(ActionType.CALL_HTTP, http={"method": "GET", "uri": "http://localhost/"}),
    ),
    (
        {"actionType": 9, "instanceId": "@counter@k", "operation": "add", "input": "5"},
        Action(ActionType.SIGNAL_ENTITY, "add", "@counter@k", "5"),
    ),
]


@pytest.mark.parametrize(("raw", "action"), ACTIONS, ids=[action.kind.name for _, action in ACTIONS])
def test_each_kind_of_action_is_read(raw: dict[str, Any], action: Action) -> None:
    assert parse_answer(state(raw)).actions == (action,)


def test_compounds_nest_and_give_their_leaves_depth_first() -> None:
    def hello(name: str) -> dict[str, Any]:
        return {"actionType": 0, "functionName": name, "input": "1"}

    nested = {
        "actionType": 11,
        "compoundActions": [
            {"actionType": 12, "compoundActions": [hello("a"), {"actionType": 11, "compoundActions": [hello("b")]}]},
            hello("c"),
        ],
    }
    answer = parse_answer(state(nested, hello("d")))
    assert [action.kind for action in answer.actions] == [ActionType.WHEN_ANY, ActionType.CALL_ACTIVITY]
    assert [leaf.name for action in answer.actions for leaf in action.leaves()] == ["a", "b", "c", "d"]


def test_an_orchestrator_that_asked_for_nothing_has_no_actions() -> None:
    assert parse_answer('{"isDone": true, "schemaVersion": 2, "actions": []}') == Answer(is_done=True)


@pytest.mark.parametrize("value", [0, False, "", [], {"a": None}, "null", 1.5])
def test_output_and_custom_status_stay_json(value: object) -> None:
    answer = parse_answer(state(isDone=True, output=value, customStatus=value))
    assert answer.output is not None and answer.custom_status is not None
    assert (json.loads(answer.output), json.loads(answer.custom_status)) == (value, value)


def test_absent_output_and_custom_status_are_null() -> None:
    answer = parse_answer(state(isDone=True))
    assert (answer.output, answer.custom_status, answer.error) == (None, None, None)


def test_output_is_written_as_the_extension_writes_it() -> None:
    assert parse_answer(state(output={"b": 1, "a": ["é"]})).output == '{"b":1,"a":["é"]}'


def test_replay_schema_1_is_refused() -> None:
    with pytest.raises(ProtocolError, match="replay schema 1, with 2 batches of actions"):
        parse_answer('{"isDone": false, "actions": [[], []]}')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "not json",
        "{}",
        '{"isDone": true}',
        '{"isDone": true, "actions": [[{"actionType": 99}]]}',
        '{"isDone": true, "actions": [[{"actionType": 0}]]}',
        '{"isDone": true, "actions": [["hello"]]}',
        '{"isDone": true, "actions": [[{"actionType": 3, "functionName": "f", "retryOptions": {}}]]}',
    ],
)
def test_anything_else_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(ProtocolError, match=r"The orchestrator's answer cannot be read \(\w+: .+\)\."):
        parse_answer(text)


def test_failure_keeps_actions_and_custom_status() -> None:
    raw, action = ACTIONS[0]
    text = f"Exception: broke{LABEL}{state(raw, error='broke', customStatus='breaking')}"
    assert parse_failure(text) == Answer(is_done=False, actions=(action,), custom_status='"breaking"', error="broke")


def test_failure_is_read_behind_the_last_label() -> None:
    user_text = f'a child said: x{LABEL}{{"error": "theirs"}}'
    text = f"Exception: {user_text}{LABEL}{state(error=user_text)}"
    assert parse_failure(text).error == user_text


def test_exception_without_label_is_the_error() -> None:
    text = "TypeError: the JSON object must be str, bytes or bytearray, not list"
    assert parse_failure(text).error == text


def test_failure_that_is_no_failure_is_refused() -> None:
    with pytest.raises(ProtocolError, match=r"failed without saying why: 'Exception: x'"):
        parse_failure(f"Exception: x{LABEL}{state()}")


def recorded_answers() -> list[Any]:
    return [
        pytest.param(turn["response"], id=f"{title} {n}")
        for title in ORCHESTRATIONS
        for n, turn in enumerate(TURNS[title])
    ]


@pytest.mark.parametrize("response", recorded_answers())
def test_every_recorded_answer_is_understood(response: dict[str, Any]) -> None:
    if "raised" in response:
        answer, raw = parse_failure(response["raised"]), json.loads(response["raised"].rpartition(LABEL)[2])
    else:
        answer, raw = parse_answer(json.dumps(response["returned"])), response["returned"]
    assert [int(action.kind) for action in answer.actions] == [
        one["actionType"] for batch in raw["actions"] for one in batch
    ]
    assert (answer.is_done, answer.error) == (raw["isDone"], raw.get("error"))
