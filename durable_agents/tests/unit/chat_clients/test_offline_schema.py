"""The schema walker builds a valid instance of any model that has one, and says so when there is none."""

import datetime
import uuid
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from types import GenericAlias
from typing import Annotated, Any, Literal, Optional, TypeVar

import pytest
from agent_framework import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import UUID4, BaseModel, Field, HttpUrl, RootModel, conlist, create_model

from durable_agents.chat_clients.offline_conversation import MARK, Conversation
from durable_agents.chat_clients.offline_schema import SchemaNotMetError, build_value
from durable_agents.chat_clients.offline_values import AnswerValues, ArgumentValues

ModelT = TypeVar("ModelT", bound=BaseModel)
TEXT = "Subject: Order AB-1234\nPlease send 3 red mugs to ann@example.org before 2026-02-03. Thank you!"


def conversation(text: str = TEXT) -> Conversation:
    return Conversation.from_messages([Message("user", [text])], "")


def build(model: type[ModelT], text: str = TEXT) -> ModelT:
    return model.model_validate(build_value(model.model_json_schema(), AnswerValues(conversation(text))))


class Colour(Enum):
    GREEN = "green"
    RED = "red"


class Item(BaseModel):
    name: str
    quantity: Annotated[int, Field(ge=1, le=10)]
    colour: Colour


class Node(BaseModel):
    label: str
    parent: Optional["Node"] = None
    children: list["Node"] = []


class Endless(BaseModel):
    inner: "Endless"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str]


class Everything(BaseModel):
    item: Item
    items: Annotated[list[Item], Field(min_length=2, max_length=2)]
    colours: set[Colour]
    pair: tuple[int, str]
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    sender: Annotated[str, Field(json_schema_extra={"format": "email"})]
    due: datetime.date
    at: datetime.datetime
    time: datetime.time
    lasts: datetime.timedelta
    key: uuid.UUID
    price: Decimal
    code: Annotated[str, Field(pattern=r"^[A-Z]{2}-\d{4}$")]
    plate: Annotated[str, Field(pattern=r"^[a-z]{3}(?:_[0-9]+)?$", min_length=3)]
    share: Annotated[float, Field(gt=0, lt=0.5)]
    step: Annotated[int, Field(multiple_of=7, gt=7)]
    totals: Annotated[dict[str, int], Field(min_length=2)]
    anything: Any
    note: str | None = None
    short: Annotated[str, Field(max_length=4)]
    long: Annotated[str, Field(min_length=900)]


class Formats(BaseModel):
    day: datetime.date
    at: datetime.datetime
    time: datetime.time
    lasts: datetime.timedelta
    key: UUID4
    site: HttpUrl
    host: IPv4Address
    host6: IPv6Address


def test_every_kind_of_field_is_filled() -> None:
    built = build(Everything)
    assert built.code == "AB-1234"
    assert built.sender == "ann@example.org"
    assert built.due == datetime.date(2026, 2, 3)
    assert built.item.colour is Colour.RED
    assert built.item.quantity == 3
    assert built.pet.kind == "cat"
    assert built.note is not None


def test_the_items_of_a_list_differ() -> None:
    first, second = build(Everything).items
    assert first.name != second.name
    assert first.colour != second.colour


def test_recursive_models_end() -> None:
    built = build(Node)
    assert built.parent is None
    assert built.children == []


def test_free_text_is_marked_as_offline_and_made_from_the_conversation() -> None:
    built = build(Item)
    assert built.name.startswith(MARK)
    assert "Order AB-1234" in built.name


def test_a_root_model_is_filled() -> None:
    assert len(build(RootModel[list[str]]).root) == 3


def test_optional_properties_are_left_out_on_request() -> None:
    schema = Node.model_json_schema()
    assert set(build_value(schema, ArgumentValues(conversation()), optional=False)) == {"label"}


def test_arguments_are_taken_over_without_a_mark() -> None:
    schema = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}
    assert build_value(schema, ArgumentValues(conversation("Where is order AB-1234?"))) == {"order_id": "AB-1234"}


def test_a_list_argument_gets_one_item() -> None:
    schema = {"type": "object", "properties": {"cities": {"type": "array"}}, "required": ["cities"]}
    built = build_value(schema, ArgumentValues(conversation("Weather in Oslo?")), optional=False)
    assert built == {"cities": ["Oslo"]}


@pytest.mark.parametrize(
    "text",
    [
        "2026-13-40",
        "2026-13-40T25:00:00Z",
        "25:99:99",
        "999.1.1.1",
        "a..b@c.de",
        "http://-/",
        "PT99999H",
    ],
)
def test_what_only_looks_like_a_format_is_not_taken_over(text: str) -> None:
    assert build(Formats, text).model_dump(exclude={"key"}) == build(Formats, "").model_dump(exclude={"key"})


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        (Endless.model_json_schema(), "contains itself"),
        (
            {"type": "object", "properties": {"n": {"type": "integer", "minimum": 2, "maximum": 1}}, "required": ["n"]},
            "n:",
        ),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "minLength 3 is above maxLength 2"),
        ({"type": "string", "pattern": "^(?=x)y$"}, "pattern"),
        ({"type": "string", "pattern": "["}, "not a regular expression"),
        ({"type": "array", "items": {"const": 1}, "minItems": 2, "uniqueItems": True}, "2 different items"),
        ({"$ref": "#/$defs/Missing"}, "points to nothing"),
        ({"allOf": [{"type": "string"}]}, "'allOf' is not supported"),
        ({"type": "colour"}, "unknown type 'colour'"),
        ({"type": "object", "properties": {"a": False}, "required": ["a"]}, "admits no value"),
        ({"anyOf": []}, "union without members"),
    ],
)
def test_what_cannot_be_met_is_refused_with_the_reason(schema: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SchemaNotMetError, match=complaint.replace("(", r"\(")):
        build_value(schema, AnswerValues(conversation()))


def test_the_path_of_the_field_is_named() -> None:
    impossible = {"type": "object", "properties": {"bad": False}, "required": ["bad"]}
    schema = {"type": "object", "properties": {"inner": impossible}, "required": ["inner"]}
    with pytest.raises(SchemaNotMetError, match=r"^inner\.bad:"):
        build_value(schema, AnswerValues(conversation()))


def _bounded_integers() -> st.SearchStrategy[Any]:
    bounds = st.tuples(st.integers(-1000, 1000), st.integers(0, 50))
    return bounds.map(lambda b: Annotated[int, Field(ge=b[0], le=b[0] + b[1])])


def _bounded_floats() -> st.SearchStrategy[Any]:
    bounds = st.tuples(st.integers(-100, 100), st.integers(1, 50))
    return bounds.map(lambda b: Annotated[float, Field(gt=b[0] / 10, lt=(b[0] + b[1]) / 10)])


def _sized_strings() -> st.SearchStrategy[Any]:
    sizes = st.tuples(st.integers(0, 40), st.integers(0, 400))
    return sizes.map(lambda s: Annotated[str, Field(min_length=s[0], max_length=s[0] + s[1])])


def _literals() -> st.SearchStrategy[Any]:
    names = st.lists(
        st.text(st.characters(categories=["L"]), min_size=1, max_size=8), min_size=1, max_size=4, unique=True
    )
    return names.map(lambda values: Literal[tuple(values)])


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    wrappers: list[Callable[[Any], Any]] = [
        lambda item: GenericAlias(list, (item,)),
        lambda item: conlist(item, min_length=1, max_length=5),
        lambda item: GenericAlias(tuple, (item, item)),
        lambda item: GenericAlias(dict, (str, item)),
        lambda item: item | None,
    ]
    wrapped = st.tuples(st.sampled_from(wrappers), inner).map(lambda pair: pair[0](pair[1]))
    unions = st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1])
    return wrapped | unions | _models(inner)


def _models(types: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["title", "is_spam", "confidence", "amount", "parts", "reason", "state"])
    defaults = st.sampled_from([..., None])
    fields = st.dictionaries(names, st.tuples(types, defaults), min_size=1, max_size=5)
    return fields.map(_create_model)


def _create_model(fields: dict[str, Any]) -> type[BaseModel]:
    return create_model("Generated", **fields)


_LEAVES = (
    st.sampled_from([str, int, float, bool, Colour, datetime.date, datetime.datetime, uuid.UUID, Decimal, Item, Node])
    | _bounded_integers()
    | _bounded_floats()
    | _sized_strings()
    | _literals()
)


@settings(deadline=None)
@given(model=_models(st.recursive(_LEAVES, _containers, max_leaves=6)), text=st.text(max_size=200))
def test_any_generated_model_is_met(model: type[BaseModel], text: str) -> None:
    first, second = (build_value(model.model_json_schema(), AnswerValues(conversation(text))) for _ in range(2))
    model.model_validate(first)
    assert first == second
