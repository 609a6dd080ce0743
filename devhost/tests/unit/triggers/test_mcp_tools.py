"""What the app declares as MCP tools, and what their answers mean, is read as Azure's extension reads it."""

import json
from typing import Any

import pytest

from devhost.functions import Function
from devhost.web.mcp_tools import Tool, read_tools


def tool_function(name: str, **trigger: Any) -> Function:
    return Function(name, "id", "mcpToolTrigger", "context", trigger)


def test_properties_become_the_schema_of_the_arguments() -> None:
    properties = [
        {"propertyName": "query", "propertyType": "string", "description": "What to find", "isRequired": True},
        {"propertyName": "limit", "propertyType": "integer", "isRequired": False, "isArray": False},
        {"propertyName": "tags", "propertyType": "string", "description": None, "isArray": True, "isRequired": True},
        {"propertyName": "order", "propertyType": "string", "description": "", "enumValues": ["up", "down"]},
    ]
    tool = Tool.of(tool_function("f", toolName="find", description="Finds", toolProperties=json.dumps(properties)))
    assert tool.description == {
        "name": "find",
        "description": "Finds",
        "inputSchema": {
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": "What to find"},
                "limit": {"type": "integer", "description": ""},
                "tags": {"type": "array", "items": {"type": "string"}, "description": ""},
                "order": {"type": "string", "enum": ["up", "down"], "description": ""},
            },
            "required": ["query", "tags"],
        },
    }


def test_a_required_property_is_missing_when_left_out_or_null() -> None:
    properties = [{"propertyName": name, "propertyType": "string", "isRequired": True} for name in ("a", "b", "c", "d")]
    tool = Tool.of(tool_function("f", toolProperties=json.dumps(properties)))
    assert tool.missing({"a": None, "b": "", "c": 0}) == ["a", "d"]


def test_metadata_travels_as_meta() -> None:
    assert Tool.of(tool_function("f", metadata='{"author": "me"}')).description["_meta"] == {"author": "me"}


@pytest.mark.parametrize(
    "trigger",
    [
        {"toolProperties": "{"},
        {"toolProperties": "3"},
        {"toolProperties": '[{"propertyName": "a"}]'},
        {"toolProperties": '["a"]'},
        {"metadata": "{"},
    ],
)
def test_an_unreadable_declaration_refuses_its_function_alone(trigger: dict[str, Any]) -> None:
    tools, refused = read_tools([tool_function("wrong", **trigger), tool_function("right")])
    assert [tool.name for tool in tools] == ["right"]
    assert [one.name for one in refused] == ["wrong"]
    assert "toolProperties or metadata cannot be read" in refused[0].reason


def test_tool_names_are_unique_without_regard_to_case() -> None:
    tools, refused = read_tools([tool_function("one", toolName="Find"), tool_function("two", toolName="find")])
    assert [tool.function.name for tool in tools] == ["one"]
    assert [(one.name, one.reason) for one in refused] == [("two", "Tool with name 'find' is already registered.")]


def structured(kind: str, content: Any, structured_content: Any = None) -> str:
    """Return an answer as the Python library writes it for a tool with a result schema."""
    extra = None if structured_content is None else json.dumps(structured_content)
    return json.dumps({"type": kind, "content": json.dumps(content), "structuredContent": extra})


TEXT = {"type": "text", "text": "hi"}
IMAGE = {"type": "image", "data": "aGk=", "mimeType": "image/png"}


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (structured("text", TEXT), {"content": [TEXT]}),
        (structured("text", TEXT, {"a": 1}), {"content": [TEXT], "structuredContent": {"a": 1}}),
        (structured("image", IMAGE), {"content": [IMAGE]}),
        (structured("multi_content_result", [TEXT, IMAGE]), {"content": [TEXT, IMAGE]}),
        (
            structured("call_tool_result", {"content": [TEXT], "isError": True}, {"a": 1}),
            {"content": [TEXT], "isError": True, "structuredContent": {"a": 1}},
        ),
        (None, {"content": []}),
    ],
)
def test_an_answer_with_a_result_schema_is_unwrapped(answer: str | None, result: dict[str, Any]) -> None:
    assert Tool.of(tool_function("f", useResultSchema=True)).result(answer) == result


def test_an_answer_without_a_result_schema_is_text() -> None:
    answer = structured("text", TEXT)
    assert Tool.of(tool_function("f")).result(answer) == {"content": [{"type": "text", "text": answer}]}


@pytest.mark.parametrize("answer", ["no JSON", "[]", "{}", '{"type": "text", "content": "no JSON"}'])
def test_an_answer_that_breaks_its_result_schema_is_told_from_others(answer: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Tool.of(tool_function("f", useResultSchema=True)).result(answer)
