"""What the app declares as MCP tools, and what their functions' answers mean.

Source: azure-functions-mcp-extension, its binding contract and return value binders.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from devhost.functions import Function, Refused, TriggerType


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as `tools/list` describes it, and the function behind it."""

    name: str
    function: Function
    description: dict[str, Any]

    @staticmethod
    def of(function: Function) -> Tool:
        """Read the tool that a function declares.

        Raises:
            ValueError: Its properties or its metadata are not the JSON they have to be.
        """
        name = str(function.trigger.get("toolName") or function.name)
        description = {
            "name": name,
            "description": function.trigger.get("description") or "",
            "inputSchema": _schema(json.loads(function.trigger.get("toolProperties") or "[]")),
        }
        if function.trigger.get("metadata"):
            description["_meta"] = json.loads(function.trigger["metadata"])
        return Tool(name, function, description)

    def missing(self, arguments: dict[str, Any]) -> list[str]:
        """Return the required properties that the arguments leave out or set to null."""
        return [name for name in self.description["inputSchema"]["required"] if arguments.get(name) is None]

    def result(self, text: str | None) -> dict[str, Any]:
        """Return what the function's answer is to the caller: text, or the content that a result schema describes.

        Raises:
            ValueError, KeyError, TypeError: The answer does not follow the result schema.
        """
        if text is None:
            return {"content": []}
        if not self.function.trigger.get("useResultSchema"):
            return {"content": [{"type": "text", "text": text}]}
        wrapper = json.loads(text)
        content = json.loads(wrapper["content"])
        match wrapper["type"]:
            case "call_tool_result":
                result: dict[str, Any] = dict(content)
            case "multi_content_result":
                result = {"content": content}
            case _:
                result = {"content": [content]}
        if wrapper.get("structuredContent") is not None:
            result["structuredContent"] = json.loads(wrapper["structuredContent"])
        return result


def read_tools(functions: Iterable[Function]) -> tuple[list[Tool], list[Refused]]:
    """Return the tools of all MCP functions, and the functions whose declaration cannot be used."""
    tools: dict[str, Tool] = {}
    refused: list[Refused] = []
    for function in functions:
        if function.trigger_type != TriggerType.MCP_TOOL:
            continue
        try:
            tool = Tool.of(function)
        except (ValueError, KeyError, TypeError, AttributeError) as ex:
            refused.append(Refused(function.name, f"Its toolProperties or metadata cannot be read: {ex!r}."))
            continue
        if tools.setdefault(tool.name.casefold(), tool) is not tool:
            refused.append(Refused(function.name, f"Tool with name '{tool.name}' is already registered."))
    return list(tools.values()), refused


def _schema(properties: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the JSON schema of a tool's arguments, as the extension writes it."""
    schemas: dict[str, Any] = {}
    for one in properties:
        kind: dict[str, Any] = {"type": one["propertyType"]}
        if one.get("enumValues"):
            kind["enum"] = one["enumValues"]
        typed = {"type": "array", "items": kind} if one.get("isArray") else kind
        schemas[one["propertyName"]] = typed | {"description": one.get("description") or ""}
    required = [one["propertyName"] for one in properties if one.get("isRequired")]
    return {"type": "object", "properties": schemas, "required": required}
