"""Decide what the offline model answers: the call of a tool, a structured answer, or prose."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from agent_framework import FunctionTool, Message, UsageDetails, validate_tool_mode
from agent_framework.exceptions import ChatClientInvalidRequestException
from pydantic import BaseModel, ValidationError
from pydantic.errors import PydanticUserError

from durable_agents.chat_clients.from_the_app import FROM_THE_APP
from durable_agents.chat_clients.offline.conversation import Conversation, content_text
from durable_agents.chat_clients.offline.values import SchemaNotMetError, ValueFinder
from durable_agents.chat_clients.offline.wording import ArgumentWording, Wording

_COMMON_WORDS = """an and are at be by call can do for from get given has have how in is it its list look make me my
need of on or please return set tell that the their this to tool up use user want what when which with you your"""


class Reply(NamedTuple):
    """A finished reply. `tool_name` tells whether `text` is the JSON arguments of a tool call or the answer itself."""

    reply_id: str
    text: str
    tool_name: str | None
    usage: UsageDetails


def compose_reply(messages: Sequence[Message], options: Mapping[str, Any]) -> Reply:
    """Return the reply to a request whose options the framework has validated.

    A tool is called when the last user message mentions it, once per message; afterwards its result is part of the
    answer. What cannot be answered raises a `ChatClientInvalidRequestException`.
    """
    instructions = str(options.get("instructions") or "")
    conversation = Conversation.from_messages(messages, instructions)
    tool = _choose_tool(options, conversation)
    if tool is not None:
        text = _arguments(tool, conversation)
    elif options.get("response_format") not in (None, {"type": "text"}):
        text = _structured(options["response_format"], conversation)
    else:
        text = conversation.describe()
    read = [instructions, *(content_text(content) for message in messages for content in message.contents)]
    # One token for every four characters begun.
    asked, answered = (sum(-(-len(part) // 4) for part in parts) for parts in (read, (text,)))
    usage = UsageDetails(input_token_count=asked, output_token_count=answered, total_token_count=asked + answered)
    return Reply(f"offline-{conversation.fingerprint}", text, tool.name if tool else None, usage)


def _choose_tool(options: Mapping[str, Any], conversation: Conversation) -> FunctionTool | None:
    """Return the tool whose words the last message mentions most, unless one was already called for it.

    None is called for what the app tells: it names the tools' work, and asks for none.
    """
    mode = validate_tool_mode(options.get("tool_choice")) or {"mode": "auto"}
    if mode["mode"] == "none" or conversation.tool_results:
        return None
    tools = [tool for tool in options.get("tools") or () if isinstance(tool, FunctionTool)]
    allowed, wanted = mode.get("allowed_tools"), mode.get("required_function_name")
    usable = [tool for tool in tools if (allowed is None or tool.name in allowed) and wanted in (None, tool.name)]
    best = max(usable, key=lambda tool: _fit(tool, conversation), default=None)
    if mode["mode"] != "required":
        is_asked = not conversation.user_texts[-1].startswith(FROM_THE_APP)
        return best if best is not None and is_asked and _fit(best, conversation) >= 2 else None
    if best is None:
        known = ", ".join(tool.name for tool in tools) or "none"
        raise ChatClientInvalidRequestException(f"The required tool {wanted!r} is not among the tools given: {known}.")
    return best


def _fit(tool: FunctionTool, conversation: Conversation) -> int:
    """Score a tool: two points per word of its name that the last text has, one per other word; 2 is a fit."""
    said, in_name = _stems(conversation.user_texts[-1]), _stems(tool.name)
    described = _stems(f"{tool.description} {' '.join(tool.parameters().get('properties', {}))}")
    return 2 * len(said & in_name) + len(said & (described - in_name))


def _stems(text: str) -> set[str]:
    """Return the telling words of a text or of an identifier, without a plural s."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", text).lower()
    words = set(re.findall(r"[^\W\d]{2,}", spaced)) - set(_COMMON_WORDS.split())
    return {word.removesuffix("s") for word in words}


def _arguments(tool: FunctionTool, conversation: Conversation) -> str:
    try:
        return json.dumps(ValueFinder(tool.parameters(), ArgumentWording(conversation), fill_all=False).find())
    except SchemaNotMetError as error:
        message = f"The offline model cannot make up arguments for the tool {tool.name!r}: {error}"
        raise ChatClientInvalidRequestException(message) from error


def _structured(response_format: Any, conversation: Conversation) -> str:
    """Return JSON that meets the response format: with all its fields, else with those only that are required."""
    model: type[BaseModel] | None = response_format if isinstance(response_format, type) else None
    name, problem = model.__name__ if model else "response", ""
    for fill_all in (True, False):
        try:
            schema = model.model_json_schema() if model else _schema_of(response_format)
            wording = Wording(conversation, about_spam="spam" in str(schema).lower())
            text = json.dumps(ValueFinder(schema, wording, fill_all).find(), ensure_ascii=False)
            if model:
                model.model_validate_json(text)
            return text
        except ValidationError as error:
            problem = "; ".join(f"{'.'.join(map(str, found['loc']))}: {found['msg']}." for found in error.errors())
        except (SchemaNotMetError, PydanticUserError) as error:
            problem = str(error)
    raise ChatClientInvalidRequestException(
        f"The offline model cannot build a valid {name!r}: {problem} Simplify the model's constraints (the offline "
        "model solves no patterns and no multiples), give the field an example, or set MODEL_PROVIDER to a real model."
    )


def _schema_of(response_format: Any) -> dict[str, Any]:
    """Return the schema of a response format given as JSON: bare, or wrapped the way chat completions do."""
    if response_format.get("type") == "json_object":
        return {"type": "object", "properties": {"answer": {"type": "string"}}}
    is_wrapped = response_format.get("type") == "json_schema"
    return dict(response_format.get("json_schema", response_format)["schema"] if is_wrapped else response_format)
