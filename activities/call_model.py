"""Have the model say the next thing in a conversation: an answer, or calls of tools, which somebody else makes."""

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any, Literal

from agent_framework import Content, FunctionTool, Message, SupportsChatGetResponse
from agent_framework.exceptions import ChatClientException
from pydantic import BaseModel

from agents import clerk
from durable_agents import StepTimeoutError, describe_failure

logger = logging.getLogger(__name__)
_SECONDS, _MOST_BYTES, _MOST_CALLS = 180, 200_000, 10
_NOW = "Answer now, with what you have found out: you can use no more tools."


class Said(BaseModel):
    """One message of a conversation: the model's may have `calls`, and that of a tool answers the call `call_id`."""

    role: Literal["user", "assistant", "tool"]
    text: str = ""
    calls: list["ToolCall"] = []
    call_id: str | None = None


class ToolCall(BaseModel):
    """The call of a tool that the model asks for."""

    call_id: str
    name: str
    arguments: dict[str, Any]

    def told(self, result: str | Exception) -> Said:
        """Return what the model is told of it: the result, or that it has none."""
        if isinstance(result, StepTimeoutError):
            result = "Nothing has come of it in time."
        elif isinstance(result, Exception):
            result = f"{self.name} has failed, in all its attempts. Do not count on it."
        return Said(role="tool", text=result, call_id=self.call_id)


class Conversation(BaseModel):
    """What was said so far, oldest first. A model that `must_answer`, for this reason, has no tools any more."""

    said: list[Said]
    must_answer: str | None = None

    @property
    def is_full(self) -> bool:
        """Whether it is so long that it had better come to its end: it is stored with each step."""
        return len(json.dumps(self.model_dump(mode="json"))) > _MOST_BYTES


class ModelCallError(Exception):
    """The model did not answer; the message says why, in words that repeat nothing of the conversation."""


async def call_model(
    conversation: Conversation,
    *,
    chat_client: SupportsChatGetResponse[Any],
    instructions: str = clerk.INSTRUCTIONS,
    tools: Sequence[FunctionTool] = clerk.LOOP_TOOLS,
) -> Said:
    """Return what the model says: a text, or calls of `tools`, ten at most. To run it again is to ask the model again.

    The client must not call tools itself: `create_chat_client(..., calls_tools=False)`.

    Raises:
        ModelCallError: The model failed, or its answer is empty, cut off or otherwise not whole.
    """
    messages = [_to_framework(said) for said in conversation.said]
    options: dict[str, Any] = {"instructions": instructions}
    if conversation.must_answer is not None:
        messages.append(Message("user", [f"{conversation.must_answer} {_NOW}"]))
    else:
        options |= {"tools": list(tools), "tool_choice": "auto"}
    try:
        async with asyncio.timeout(_SECONDS):
            response = await chat_client.get_response(messages, options=options)
    except (ChatClientException, TimeoutError) as error:
        # The text of the provider's error may repeat the conversation or a key: it is for the log alone.
        logger.warning("A model call failed", exc_info=True)
        failure = describe_failure(error)
        raise ModelCallError(f"The model did not answer ({failure.code}). {failure.message}") from None
    contents = [content for message in response.messages for content in message.contents]
    calls = [_read(content) for content in contents if content.type == "function_call"]
    said = Said(role="assistant", text=response.text, calls=calls[:_MOST_CALLS])
    if not said.text.strip() and not said.calls:
        raise ModelCallError("The model's answer is empty.")
    if said.calls and conversation.must_answer is not None:
        raise ModelCallError("The model asks for tools, where it has none.")
    return said


def _read(call: Content) -> ToolCall:
    arguments = json.loads(call.arguments or "{}") if isinstance(call.arguments, str | None) else call.arguments
    return ToolCall(call_id=str(call.call_id), name=str(call.name), arguments=dict(arguments))


def _to_framework(said: Said) -> Message:
    if said.role == "tool":
        return Message("tool", [Content.from_function_result(said.call_id or "", result=said.text)])
    text = [Content.from_text(said.text)] if said.text else []
    calls = [
        Content.from_function_call(call.call_id, call.name, arguments=json.dumps(call.arguments)) for call in said.calls
    ]
    return Message(said.role, [*text, *calls])
