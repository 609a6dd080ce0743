"""Messages to and from entities have the recorded shapes."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from devhost.protocol.answer import ProtocolError
from devhost.protocol.entities import (
    EntityId,
    OperationResult,
    Request,
    batch_request,
    parse_batch_result,
)
from devhost.tests.unit.recordings import TURNS

BATCHES = [turn for title, turns in TURNS.items() if title.startswith("entity ") for turn in turns]
NOW = datetime(2026, 11, 21, 9, 16, 15, 212234, tzinfo=UTC)
SENT, RAISED = 14, 15


def recorded_messages(event_type: int) -> list[str]:
    """Return each request (14) or reply (15) of the orchestration that calls entities, from its last history."""
    history = TURNS["entity_calls"][-1]["request"]["history"]
    return [event["Input"] for event in history if event["EventType"] == event_type]


@pytest.mark.parametrize("text", recorded_messages(SENT))
def test_request_is_written_as_recorded(text: str) -> None:
    written = json.loads(Request.load(text).dump(NOW))
    recorded = json.loads(text)
    written.pop("requestTime")
    recorded.pop("requestTime")
    assert list(written.items()) == list(recorded.items())


def test_request_says_when_it_was_made_with_seven_digits() -> None:
    written = json.loads(Request("add", "id", None, is_signal=True).dump(NOW))
    assert written["requestTime"] == "2026-11-21T09:16:15.2122340+00:00"


@pytest.mark.parametrize(
    "request_",
    [
        Request("add", "id-1", '"5"', is_signal=True),
        Request("", "id-2", None, is_signal=True),
        Request("get", "id-3", '"{}"', is_signal=False, parent="run", parent_execution="execution"),
    ],
)
def test_request_is_read_as_it_was_written(request_: Request) -> None:
    assert Request.load(request_.dump(NOW)) == request_


@pytest.mark.parametrize("text", recorded_messages(RAISED))
def test_reply_is_written_as_recorded(text: str) -> None:
    recorded = json.loads(text)
    assert OperationResult(recorded["result"], "exceptionType" in recorded).reply() == text


@pytest.mark.parametrize("turn", BATCHES, ids=lambda turn: f"{turn['request']['batch'][0]['name']}")
def test_batch_is_asked_as_recorded(turn: dict[str, Any]) -> None:
    asked = turn["request"]
    requests = [Request(one["name"], one["id"], one["input"], one["isSignal"]) for one in asked["batch"]]
    entity = EntityId(asked["self"]["name"], asked["self"]["key"])
    assert json.loads(batch_request(entity, asked["exists"], asked["state"], requests)) == asked


@pytest.mark.parametrize("turn", BATCHES, ids=lambda turn: f"{turn['request']['batch'][0]['name']}")
def test_recorded_answer_is_read(turn: dict[str, Any]) -> None:
    returned = turn["response"]["returned"]
    result = parse_batch_result(json.dumps(returned), len(turn["request"]["batch"]))
    assert (result.exists, result.state) == (returned["entityExists"], returned["entityState"])
    assert [(one.result, one.is_error) for one in result.results] == [
        (one["result"], one["isError"]) for one in returned["results"]
    ]


def test_an_answer_for_fewer_operations_is_refused() -> None:
    text = json.dumps({"entityExists": True, "entityState": "1", "results": [], "signals": []})
    with pytest.raises(ProtocolError, match="The entity answered 0 of 2 operations"):
        parse_batch_result(text, 2)


@pytest.mark.parametrize("text", ["", "null", "{}", "[]", '{"results": [{}]}', '{"results": []}'])
def test_an_answer_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError, match=r"The entity.s answer"):
        parse_batch_result(text, 0)


def test_entity_names_lose_their_case_and_keys_keep_it() -> None:
    assert str(EntityId.of("Counter", "Ab")) == "@counter@Ab"
    assert EntityId.parse("@Counter@Ab") == EntityId("counter", "Ab")


@pytest.mark.parametrize("key", ["", "@", "a@b", "user@example.com", "á"])
def test_entity_key_may_hold_anything(key: str) -> None:
    assert EntityId.parse(str(EntityId.of("counter", key))).key == key
