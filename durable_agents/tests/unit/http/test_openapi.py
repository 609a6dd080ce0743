"""The OpenAPI document is made of what routes declare; what they cannot declare stops it from being made."""

from typing import Any

import pytest
from pydantic import BaseModel, Field

from durable_agents.http.contracts import IDEMPOTENCY, Contract, HttpRoute, Parameter
from durable_agents.http.openapi import build_document
from durable_agents.orchestration.registry import Orchestration
from durable_agents.runs.run_models import start_body_of


class Item(BaseModel):
    """A thing."""

    name: str
    size: int = Field(default=1, ge=0)


def document(contract: Any, template: str = "things", **route: Any) -> dict[str, Any]:
    fields = {"methods": ("POST",), "function": "make_thing", "description": "Make a thing.\n\nOr not."}
    return build_document(
        [HttpRoute(template=template, contracts=contract, **{**fields, **route})], {"colour": ["red"]}
    )


def test_request_bodies_are_closed_and_answers_are_open() -> None:
    made = document(Contract({200: (Item,)}, bodies=(Item,)))
    schemas = made["components"]["schemas"]
    assert schemas["Item-Input"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["Item-Output"]
    body = made["paths"]["/things"]["post"]["requestBody"]
    assert body == {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item-Input"}}},
    }


def test_the_docstring_is_summary_and_description() -> None:
    operation = document(Contract({204: ()}))["paths"]["/things"]["post"]
    assert (operation["summary"], operation["description"]) == ("Make a thing.", "Or not.")
    assert (operation["operationId"], operation["tags"]) == ("make_thing", ["things"])


@pytest.mark.parametrize(
    ("contract", "template", "statuses"),
    [
        (Contract({204: ()}), "things", {"204", "403", "500", "503"}),
        (Contract({204: ()}), "things/{colour}", {"204", "404", "403", "500", "503"}),
        (Contract({204: ()}, bodies=(Item,)), "things", {"204", "400", "413", "403", "500", "503"}),
        (
            Contract({204: ()}, parameters=(IDEMPOTENCY,), problems=(422,)),
            "things",
            {"204", "400", "422", "403", "500", "503"},
        ),
    ],
)
def test_problems_follow_from_what_is_read(contract: Contract, template: str, statuses: set[str]) -> None:
    (operation,) = document(contract, template)["paths"].values()
    assert set(operation["post"]["responses"]) == statuses


def test_an_accepted_answer_says_where_to_look() -> None:
    response = document(Contract({202: (Item,)}))["paths"]["/things"]["post"]["responses"]["202"]
    assert set(response["headers"]) == {"Location", "Retry-After"}


def test_several_contracts_are_several_paths() -> None:
    made = document({"red": Contract({200: (Item,)}), "blue": Contract({204: ()})}, "things/{colour}/{session}")
    assert list(made["paths"]) == ["/things/red/{session}", "/things/blue/{session}"]
    operation = made["paths"]["/things/red/{session}"]["post"]
    assert operation["operationId"] == "make_thing_red"
    assert [parameter["name"] for parameter in operation["parameters"]] == ["session"]


def test_path_parameters_have_their_values_or_a_pattern_that_any_reader_understands() -> None:
    operation = document(Contract({204: ()}), "things/{colour}/{session}")["paths"]["/things/{colour}/{session}"][
        "post"
    ]
    colour, session = [parameter["schema"] for parameter in operation["parameters"]]
    assert colour["enum"] == ["red"]
    assert session["pattern"] == r"^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,128}$"


def test_a_query_parameter_may_be_empty_and_a_header_may_not() -> None:
    parameters = (Parameter("color", int, "Which."), Parameter("x-color", int, "Which.", where="header"))
    operation = document(Contract({204: ()}, parameters=parameters))["paths"]["/things"]["post"]
    assert [one.get("allowEmptyValue") for one in operation["parameters"]] == [True, None]


def test_contents_other_than_json() -> None:
    made = document(Contract({200: (Item, "text/html")}, bodies=(Item, "text/plain")))
    operation = made["paths"]["/things"]["post"]
    types = ["application/json", "text/plain"]
    assert list(operation["requestBody"]["content"]) == types
    assert operation["responses"]["200"]["content"]["text/html"] == {"schema": {"type": "string"}}


def test_head_is_the_same_without_contents() -> None:
    made = document(Contract({200: (Item,)}), methods=("GET", "HEAD"))["paths"]["/things"]
    assert made["head"]["responses"]["200"] == {"description": "OK"}
    assert made["head"]["operationId"] != made["get"]["operationId"]


def test_an_anonymous_route_needs_no_key() -> None:
    made = document(Contract({204: ()}), is_anonymous=True)
    assert made["paths"]["/things"]["post"]["security"] == []
    assert len(made["security"]) == 2


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match=r"make_thing\(\) has no docstring"):
        document(Contract({204: ()}), description="")


@pytest.mark.parametrize("template", ["things/{shape}", "things/{shape:alpha}", "things/{shape:length(1,5)?}"])
def test_a_route_of_the_apps_own_may_have_any_path_parameter(template: str) -> None:
    (parameter,) = document(Contract({204: ()}), template)["paths"]["/things/{shape}"]["post"]["parameters"]
    assert (parameter["name"], parameter["required"]) == ("shape", True)
    assert parameter["schema"] == {"type": "string", "minLength": 1}


def test_what_the_deployment_fills_in_may_be_left_out() -> None:
    def make(context: object) -> None:
        """Make."""

    schema = start_body_of(Orchestration(make, Item, defaults={"name": "tea"})).model_json_schema()
    assert schema["properties"]["name"]["default"] == "tea"
    assert "required" not in schema
    assert schema["properties"]["size"]["minimum"] == 0
    assert Item.model_json_schema()["required"] == ["name"]


def test_what_only_the_deployment_sets_is_no_part_of_the_body() -> None:
    def make(context: object) -> None:
        """Make."""

    schema = start_body_of(Orchestration(make, Item, fixed={"size": 1})).model_json_schema()
    assert list(schema["properties"]) == ["name"]
    assert schema["required"] == ["name"]
