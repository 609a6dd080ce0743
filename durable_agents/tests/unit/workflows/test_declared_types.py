"""What a graph declares, as the models that requests and answers are checked by."""

from dataclasses import dataclass
from typing import Any

import pytest
from agent_framework import AgentExecutorRequest, Message
from pydantic import BaseModel, RootModel

from durable_agents.orchestration.human_requests import read_human_answer
from durable_agents.workflows.declared_types import answer_models, input_model, value_of


class Order(BaseModel):
    number: int


class Names(RootModel[list[str]]):
    pass


@dataclass
class Parcel:
    weight: float


def read(types: list[Any], value: object) -> Any:
    return value_of(input_model(types).model_validate(value))


@pytest.mark.parametrize(
    ("types", "sent", "got"),
    [
        ([Order], {"number": 1}, Order(number=1)),
        ([Names], ["a"], Names(["a"])),
        ([str], "text", "text"),
        ([str], {"a": "ü"}, '{"a": "ü"}'),
        ([str], 123, "123"),
        ([dict], {"a": 1}, {"a": 1}),
        ([list[int]], [1], [1]),
        ([Parcel], {"weight": 2}, Parcel(2.0)),
        ([Order, str], "text", "text"),
        ([Order, str], {"number": 1}, Order(number=1)),
    ],
    ids=repr,
)
def test_an_input_is_read_as_the_first_executor_declares(types: list[Any], sent: object, got: object) -> None:
    assert read(types, sent) == got


@pytest.mark.parametrize("types", [[Message], [AgentExecutorRequest], [list[Message]]], ids=repr)
def test_messages_of_the_framework_are_read(types: list[Any]) -> None:
    message = Message("user", ["hello"])
    sent: Any = {"messages": [message.to_dict()]} if types == [AgentExecutorRequest] else message.to_dict()
    got = read(types, [sent] if types == [list[Message]] else sent)
    first = got.messages[0] if isinstance(got, AgentExecutorRequest) else got[0] if isinstance(got, list) else got
    assert (first.role, first.text) == ("user", "hello")


@pytest.mark.parametrize("wrong", [7, {"messages": "x"}, {}, [None]], ids=repr)
def test_what_is_no_request_to_an_agent_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="validation error"):
        read([AgentExecutorRequest], wrong)


@pytest.mark.parametrize(
    ("annotation", "good", "wrong"),
    [(bool, True, "yes"), (bool, False, 1), (int, 3, "3"), (str, "yes", True), (dict, {"a": 1}, [1])],
)
def test_answers_are_no_guesswork(annotation: Any, good: object, wrong: object) -> None:
    (model,) = answer_models(annotation).values()
    assert value_of(read_human_answer(good, model).value) == good
    with pytest.raises(ValueError, match="validation error"):
        model.model_validate(wrong)


def test_an_answer_may_be_a_dataclass_or_one_of_several_types() -> None:
    (model,) = answer_models(Parcel).values()
    assert value_of(model.model_validate({"weight": 1})) == Parcel(1.0)
    assert list(answer_models(str | bool | None)) == ["builtins:str", "builtins:bool"]


def test_a_text_from_the_webhook_is_an_answer_too() -> None:
    (model,) = answer_models(str).values()
    read_texts = [value_of(read_human_answer(text, model).value) for text in ("yes", "5", '"yes"')]
    assert read_texts == ["yes", "5", "yes"]
