"""Decide what the offline model answers: the call of a tool, a structured answer, or prose.

Everything here is a pure function of the request, so the same messages always get the same reply.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent_framework import FunctionTool, Message, validate_tool_mode
from agent_framework.exceptions import ChatClientInvalidRequestException
from pydantic import BaseModel, ValidationError

from durable_agents.chat_clients.offline_conversation import Conversation, content_text, count_tokens
from durable_agents.chat_clients.offline_schema import SchemaNotMetError, build_value
from durable_agents.chat_clients.offline_values import AnswerValues, ArgumentValues, describe

_COMMON_WORDS = """an and are at be by call can do for from get given has have how in is it its list look make me my
need of on or please return set tell that the their this to tool up use user want what when which with you your"""


@dataclass(frozen=True, slots=True)
class Reply:
    """A finished reply. `tool_name` tells whether `text` is the JSON arguments of a tool call or the answer itself."""

    reply_id: str
    text: str
    tool_name: str | None
    input_tokens: int
    output_tokens: int


def compose_reply(messages: Sequence[Message], options: Mapping[str, Any]) -> Reply:
    """Return the reply to a request whose options the framework has validated.

    A tool is called when the last user message mentions it, once per message; afterwards its result is part of the
    answer. Tokens are counted over the instructions and all messages, and over the text of the reply.

    Raises:
        ChatClientInvalidRequestException: There is nothing to answer, a tool is required that does not exist, or the
            response format cannot be met.
    """
    instructions = str(options.get("instructions") or "")
    conversation = Conversation.from_messages(messages, instructions)
    tool = _choose_tool(options, conversation)
    if tool is not None:
        text = _arguments(tool, conversation)
    elif options.get("response_format") not in (None, {"type": "text"}):
        text = _structured(options["response_format"], conversation)
    else:
        text = describe(conversation)
    read = (instructions, *(content_text(content) for message in messages for content in message.contents))
    return Reply(
        reply_id=f"offline-{conversation.fingerprint}",
        text=text,
        tool_name=tool.name if tool is not None else None,
        input_tokens=sum(count_tokens(part) for part in read),
        output_tokens=count_tokens(text),
    )


def _choose_tool(options: Mapping[str, Any], conversation: Conversation) -> FunctionTool | None:
    """Return the tool whose words the last message mentions most, unless one was already called for it."""
    mode = validate_tool_mode(options.get("tool_choice")) or {"mode": "auto"}
    tools = [tool for tool in options.get("tools") or () if isinstance(tool, FunctionTool)]
    allowed = mode.get("allowed_tools")
    if allowed is not None:
        tools = [tool for tool in tools if tool.name in allowed]
    if mode["mode"] == "none" or conversation.tool_results:
        return None
    if mode["mode"] == "required":
        return _required_tool(tools, mode.get("required_function_name"), conversation)
    best = max(tools, key=lambda tool: _fit(tool, conversation.latest), default=None)
    return best if best is not None and _fit(best, conversation.latest) >= 2 else None


def _required_tool(tools: Sequence[FunctionTool], name: str | None, conversation: Conversation) -> FunctionTool:
    candidates = [tool for tool in tools if name is None or tool.name == name]
    if not candidates:
        known = ", ".join(tool.name for tool in tools) or "none"
        raise ChatClientInvalidRequestException(f"The required tool {name!r} is not among the tools given: {known}.")
    return max(candidates, key=lambda tool: _fit(tool, conversation.latest))


def _fit(tool: FunctionTool, text: str) -> int:
    """Score a tool: two points per word of its name that the text mentions, one per other word; 2 is a fit."""
    said = _stems(text)
    in_name = _stems(tool.name)
    described = _stems(f"{tool.description} {' '.join(tool.parameters().get('properties', {}))}")
    return 2 * len(said & in_name) + len(said & (described - in_name))


def _stems(text: str) -> set[str]:
    """Return the telling words of a text or of an identifier, without a plural s."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", text).lower()
    words = set(re.findall(r"[^\W\d]{2,}", spaced)) - set(_COMMON_WORDS.split())
    return {word.removesuffix("s") for word in words}


def _arguments(tool: FunctionTool, conversation: Conversation) -> str:
    try:
        return json.dumps(build_value(tool.parameters(), ArgumentValues(conversation), optional=False))
    except SchemaNotMetError as error:
        raise ChatClientInvalidRequestException(
            f"The offline model cannot make up arguments for the tool {tool.name!r}: {error}"
        ) from error


def _structured(response_format: type[BaseModel] | Mapping[str, Any], conversation: Conversation) -> str:
    """Return JSON that meets the response format; a pydantic model has validated it."""
    if isinstance(response_format, type):
        name, schema = response_format.__name__, response_format.model_json_schema()
    else:
        schema = _schema_of(response_format)
        name = str(schema.get("title", "response"))
    try:
        text = json.dumps(build_value(schema, AnswerValues(conversation)), ensure_ascii=False)
        if isinstance(response_format, type):
            response_format.model_validate_json(text)
    except (SchemaNotMetError, ValidationError) as error:
        raise ChatClientInvalidRequestException(
            f"The offline model cannot build a valid {name!r}: {_reason(error)} "
            "Simplify the model's constraints, give the field a default, or set MODEL_PROVIDER to a real model."
        ) from error
    return text


def _reason(error: SchemaNotMetError | ValidationError) -> str:
    if isinstance(error, SchemaNotMetError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, found['loc']))}: {found['msg']}." for found in error.errors())


def _schema_of(response_format: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a response format given as JSON: bare, or wrapped the way chat completions do."""
    match response_format.get("type"):
        case "json_schema":
            return dict(response_format.get("json_schema", response_format)["schema"])
        case "json_object":
            return {"type": "object", "properties": {"answer": {"type": "string"}}}
        case _:
            return dict(response_format)
