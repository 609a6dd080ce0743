"""What travels between the steps of a graph: JSON that comes back as what it was, and never a pickle."""

import base64
import dataclasses
import json
import os
import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, Never
from uuid import UUID

import pytest
from agent_framework import (
    AgentExecutorResponse,
    AgentResponse,
    Content,
    Executor,
    Message,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
    response_handler,
)
from agent_framework_durabletask import execute_workflow_activity
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from durable_agents.tests.app.agents import EmailReply
from durable_agents.workflows.codec import decode, encode, use_plain_json


class Colour(StrEnum):
    RED = "red"


class Level(Enum):
    HIGH = 3


class Part(BaseModel):
    name: str = Field(alias="partName")


@dataclasses.dataclass(frozen=True)
class Batch:
    parts: list[Part]
    level: Level
    seen: dict[tuple[int, int], datetime] = dataclasses.field(default_factory=dict)
    size: int = dataclasses.field(init=False, default=0)


@dataclasses.dataclass
class Inner:
    colour: Colour


@dataclasses.dataclass
class Outer:
    inner: Inner | None


class Question(BaseModel):
    text: str


class Reply(BaseModel):
    text: str
    kept_back: str | None = Field(default=None, exclude=True)


@dataclasses.dataclass
class Kept:
    """In no signature, but next to the executors."""

    question: Question


class Sort(Executor):
    @handler
    async def sort(self, part: Part, ctx: WorkflowContext[list[Batch | Outer], dict[str, Part]]) -> None:
        await ctx.request_info(Question(text="?"), Reply)

    @response_handler
    async def note(self, question: Question, reply: Reply, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.yield_output(reply.text)


class Careless(Executor):
    @handler
    async def send(self, part: Part, ctx: WorkflowContext[Never, Part]) -> None:
        ctx.set_state("note", EmailReply(subject="x", body="x"))


def graph(first: Executor) -> Workflow:
    return WorkflowBuilder(name="sorting", start_executor=first).build()


@pytest.fixture(autouse=True)
def _declared() -> None:
    use_plain_json(graph(Sort("sort")))


def travel(value: Any) -> Any:
    """Return what is left of the value after it was stored as JSON text."""
    return decode(json.loads(json.dumps(encode(value), allow_nan=False)))


@pytest.mark.parametrize(
    "value",
    [
        (1, (2, [3])),
        {1, 2},
        frozenset({"a"}),
        b"\x00\xff",
        datetime(2026, 1, 1, tzinfo=UTC),
        timedelta(seconds=1.5),
        Decimal("1.10"),
        UUID(int=7),
        {1: "one", "1": "another"},
        Colour.RED,
        Level.HIGH,
        Part(partName="bolt"),
        Batch([Part(partName="bolt")], Level.HIGH, {(1, 2): datetime(2026, 1, 1, tzinfo=UTC)}),
        Outer(Inner(Colour.RED)),
        Question(text="?"),
        Kept(Question(text="?")),
        [{"reply": Reply(text="!")}],
    ],
)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    assert travel(value) == value
    assert type(travel(value)) is type(value)


def test_what_an_agent_said_comes_back_with_its_conversation() -> None:
    said = Message("assistant", [Content.from_text("Hello."), Content.from_function_call("c1", "look", arguments="{}")])
    response = AgentExecutorResponse("Writer", AgentResponse(messages=[said]), [Message("user", ["Hi."]), said])
    back = travel(response)
    assert isinstance(back, AgentExecutorResponse)
    assert back.agent_response.text == "Hello."
    assert [message.to_dict() for message in back.full_conversation] == [
        message.to_dict() for message in response.full_conversation
    ]


_KEYS = st.sampled_from(["$type", "value", "__pickled__", "__type__", "a", "__class__", "__subworkflow_input__"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | _KEYS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
)


@given(_JSON)
def test_data_is_never_taken_for_a_value_of_another_type(data: Any) -> None:
    assert travel(data) == data


def _pickle_of_a_deed(file: Path) -> dict[str, str]:
    class Deed:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(file),)

    return {"__pickled__": base64.b64encode(pickle.dumps(Deed())).decode(), "__type__": "builtins:NoneType"}


@pytest.mark.parametrize("where", ["message", "state"])
def test_a_pickle_in_the_input_of_an_executor_is_refused_and_does_nothing(tmp_path: Path, where: str) -> None:
    hostile = _pickle_of_a_deed(tmp_path / "done")
    fields = (
        {"message": [hostile]} if where == "message" else {"message": None, "shared_state_snapshot": {"x": hostile}}
    )
    workflow = graph(Sort("sort"))
    with pytest.raises(ValueError, match=r"has a pickle in its data, which is never read"):
        execute_workflow_activity(workflow.executors["sort"], json.dumps(fields), workflow)
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize("name", ["subprocess:Popen", "durable_agents.tests.app.agents:EmailReply", "tests:x", ""])
def test_a_class_that_no_handler_declares_is_not_looked_for(name: str) -> None:
    with pytest.raises(ValueError, match=r"which no handler of a graph declares"):
        decode({"$type": name, "value": {"text": "x"}})


def test_a_value_of_such_a_class_is_refused_where_it_is_sent_with_what_to_do() -> None:
    workflow = graph(Careless("send"))
    use_plain_json(workflow)
    message = json.dumps({"message": encode(Part(partName="bolt"))})
    with pytest.raises(
        TypeError, match=rf"no handler of the graph has '{EmailReply.__module__}:EmailReply' in its signature\. Name"
    ):
        execute_workflow_activity(workflow.executors["send"], message, workflow)


def test_a_model_that_its_json_does_not_hold_is_refused() -> None:
    with pytest.raises(TypeError, match=r"A Reply cannot travel .* its JSON loses part of it"):
        encode(Reply(text="!", kept_back="secret"))


def test_a_class_that_only_extends_a_declared_one_is_not_written_as_that() -> None:
    class LongReply(Reply):
        more: str = ""

    with pytest.raises(TypeError, match="A LongReply cannot travel"):
        encode(LongReply(text="!"))
