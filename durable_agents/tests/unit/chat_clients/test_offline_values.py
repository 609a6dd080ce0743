"""A structured answer is a valid instance, or there is none and the error says why."""

import datetime
import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from types import GenericAlias
from typing import Annotated, Any, Literal, Optional, TypeVar

import pytest
from agent_framework import FunctionTool, Message
from agent_framework.exceptions import ChatClientInvalidRequestException
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import UUID4, BaseModel, ConfigDict, Field, HttpUrl, RootModel, conlist, create_model

from durable_agents.chat_clients.offline.conversation import MARK
from durable_agents.chat_clients.offline.reply import compose_reply

ModelT = TypeVar("ModelT", bound=BaseModel)
TEXT = "Subject: Order AB-1234\nPlease send 3 red mugs to Ann before 2026-02-03. Thank you!"
LOTTERY = "CONGRATULATIONS! You have won the lottery. Click here and claim your prize."
INVOICE = "Urgent: please confirm the wire transfer for invoice 22."


def answer(response_format: object, text: str = TEXT) -> str:
    return compose_reply([Message("user", [text])], {"response_format": response_format}).text


def build(model: type[ModelT], text: str = TEXT) -> ModelT:
    return model.model_validate_json(answer(model, text))


def arguments(parameters: dict[str, Any], text: str) -> Any:
    tool = FunctionTool(name="use", description="", func=lambda **given: None, input_model=parameters)
    options = {"tools": [tool], "tool_choice": "required"}
    return json.loads(compose_reply([Message("user", [text])], options).text)


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
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    sender: Annotated[str, Field(json_schema_extra={"format": "email"})]
    site: HttpUrl
    due: datetime.date
    at: datetime.datetime
    time: datetime.time
    lasts: datetime.timedelta
    key: UUID4
    price: Decimal
    code: Annotated[str, Field(pattern=r"^[A-Z]{2}-\d{4}$")]
    share: Annotated[float, Field(gt=0, lt=0.5)]
    totals: Annotated[dict[str, int], Field(min_length=2)]
    anything: Any
    note: str | None = None
    short: Annotated[str, Field(max_length=4)]
    long: Annotated[str, Field(min_length=900)]


class Verdict(BaseModel):
    is_spam: bool
    confidence: float
    reason: str


def test_every_kind_of_field_is_filled_from_the_text() -> None:
    built = build(Everything)
    assert built.code == "AB-1234"
    assert built.due == datetime.date(2026, 2, 3)
    assert (built.item.colour, built.item.quantity) == (Colour.RED, 3)
    assert built.pet.kind == "cat"
    assert built.note is not None


def test_the_items_of_a_list_differ() -> None:
    first, second = build(Everything).items
    assert first.name != second.name
    assert first.colour != second.colour


def test_recursive_models_end() -> None:
    built = build(Node)
    assert (built.parent, built.children) == (None, [])


def test_free_text_is_marked_as_offline_and_made_from_the_conversation() -> None:
    built = build(Item)
    assert built.name.startswith(MARK)
    assert "Order AB-1234" in built.name


def test_a_root_model_is_filled() -> None:
    assert len(build(RootModel[list[str]]).root) == 3


@pytest.mark.parametrize("text", ["2026-13-40", "2026-13-40T25:00:00Z", "2026-W05-2", "20260203", "25:99:99"])
def test_what_only_looks_like_a_date_is_not_taken_over(text: str) -> None:
    built, expected = build(Everything, text), build(Everything, "")
    assert (built.due, built.at, built.time) == (expected.due, expected.at, expected.time)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^[A-Z]{2}-\d{4}$", "x"),
        (r"^\d{4,}$", "x"),
        (r"\A#[0-9a-f]{6}\Z", "x"),
        (r"^[a-z0-9]+$", "?"),
        (r"^v\d+\.\d+$", "x"),
        (r"^(low|high)$", "x"),
        (r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$", "x"),
        (r"^(?:\+49|0)[1-9]\d{6,10}$", "Call 0301234567."),
    ],
)
def test_plain_patterns_are_met(pattern: str, text: str) -> None:
    schema = {"type": "string", "pattern": pattern}
    assert Draft202012Validator(schema).is_valid(json.loads(answer(schema, text)))


def test_examples_come_first_and_a_default_where_it_says_something() -> None:
    class Ticket(BaseModel):
        # Pydantic's own expressions know no look-ahead.
        model_config = ConfigDict(regex_engine="python-re")
        code: Annotated[str, Field(pattern=r"^(?:ab)+(?=c)cd$", examples=["ababcd"])]
        step: Annotated[int, Field(multiple_of=7, gt=7, examples=[3, 21])]
        pair: Annotated[tuple[int, str], Field(examples=[(1, "a")])]
        language: str = "en"
        title: str = ""

    built = build(Ticket)
    assert (built.code, built.step, built.pair, built.language) == ("ababcd", 21, (1, "a"), "en")
    assert built.title.startswith(MARK)


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        (Endless.model_json_schema(), r"inner: .* contains itself"),
        ({"type": "integer", "minimum": 2, "maximum": 1}, r"\(root\): nothing was found that meets .*'maximum': 1"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "'minLength': 3"),
        ({"type": "string", "pattern": "^(?=x)y$"}, "'pattern'.*solves no patterns"),
        ({"type": "string", "pattern": "["}, "cannot be read: unterminated character set"),
        ({"type": "array", "items": {"const": 1}, "minItems": 2, "uniqueItems": True}, "nothing was found"),
        ({"type": "number", "multipleOf": 0.7, "minimum": 5}, "'multipleOf': 0.7.*no multiples"),
        ({"type": "array", "prefixItems": [{"type": "integer"}], "minItems": 1}, "'prefixItems'"),
        ({"$ref": "#/$defs/Missing"}, "cannot be read: .*Missing"),
        ({"$ref": "http://127.0.0.1:9/schema"}, "cannot be read: .*schema"),
        ({"allOf": [{"$ref": "http://127.0.0.1:9/schema"}]}, "cannot be read: .*schema"),
        ({"allOf": [{"type": "integer"}]}, "'allOf'"),
        ({"type": "colour"}, "cannot be read: .*colour"),
        ({"type": "object", "properties": {"a": False}, "required": ["a"]}, "a: nothing was found"),
        ({"anyOf": []}, "nothing was found"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}], "maximum": 0}, "'oneOf'"),
    ],
)
def test_what_cannot_be_met_is_refused_with_the_reason(schema: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ChatClientInvalidRequestException, match=rf"cannot build a valid .*{complaint}"):
        answer(schema)


def test_the_path_of_the_field_is_named() -> None:
    impossible = {"type": "object", "properties": {"bad": False}, "required": ["bad"]}
    schema = {"type": "object", "properties": {"inner": impossible}, "required": ["inner"]}
    with pytest.raises(ChatClientInvalidRequestException, match=r"inner\.bad: nothing was found"):
        answer(schema)


def test_a_model_without_a_schema_is_refused() -> None:
    class Handler(BaseModel):
        call: Callable[[], None]

    with pytest.raises(ChatClientInvalidRequestException, match="cannot build a valid 'Handler'"):
        answer(Handler)


def test_only_required_arguments_are_given() -> None:
    assert set(arguments(Node.model_json_schema(), "Hello")) == {"label"}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("order_id", "Where is order AB-1234?", "AB-1234"),
        ("city", "Weather in Paris?", "Paris"),
        ("name", 'Delete the file "a.txt".', "a.txt"),
        ("name", "Delete \u201cb.txt\u201d now", "b.txt"),
        ("topic", "Write this.\nTopic: tea and rain", "tea and rain"),
        ("query", "tea", "tea"),
    ],
)
def test_arguments_are_taken_over_without_a_mark(name: str, text: str, value: str) -> None:
    schema = {"type": "object", "properties": {name: {"type": "string", "examples": ["x"]}}, "required": [name]}
    assert arguments(schema, text) == {name: value}


def test_a_list_argument_gets_one_item() -> None:
    schema = {"type": "object", "properties": {"cities": {"type": "array"}}, "required": ["cities"]}
    assert arguments(schema, "Weather in Oslo?") == {"cities": ["Oslo"]}


@pytest.mark.parametrize(
    ("text", "is_spam", "confidence"),
    [
        ("", False, 0.95),
        ("Hello Ann, shall we move the meeting to Friday?", False, 0.95),
        ("It is urgent.", False, 0.6),
        ("A prize of many prizes, enterprizes", False, 0.6),
        (INVOICE, True, 0.7),
        (f"{INVOICE} Act now!", True, 0.85),
        (LOTTERY, True, 0.95),
    ],
)
def test_each_further_sign_of_spam_makes_it_surer(text: str, is_spam: bool, confidence: float) -> None:
    built = build(Verdict, text)
    assert (built.is_spam, built.confidence) == (is_spam, confidence)


def test_the_signs_of_spam_are_the_reason() -> None:
    assert "Signs of spam: urgent, wire transfer." in build(Verdict, INVOICE).reason


@pytest.mark.parametrize("name", ["spam", "is_spam", "isSpam", "looks_spam"])
def test_whether_it_is_spam_is_asked_by_the_name_of_the_field(name: str) -> None:
    schema = {"type": "object", "properties": {name: {"type": "boolean"}}}
    assert json.loads(answer(schema, LOTTERY)) == {name: True}


@pytest.mark.parametrize(("text", "urgent"), [("This is urgent!", True), ("No hurry.", False)])
def test_other_questions_are_answered_by_mention(text: str, urgent: bool) -> None:
    schema = {"type": "object", "properties": {"is_urgent": {"type": "boolean"}}}
    assert json.loads(answer(schema, text)) == {"is_urgent": urgent}


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
    first, second, as_schema = (answer(form, text) for form in (model, model, model.model_json_schema()))
    model.model_validate_json(first)
    assert first == second == as_schema
