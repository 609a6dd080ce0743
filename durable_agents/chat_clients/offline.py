"""A chat client that needs no network and no key: for development, demonstrations and tests.

It is a client of the framework like any other, with tool calls, middleware and telemetry; only the model behind it is
replaced by rules. It understands nothing. What it answers is made from the conversation, is the same for the same
messages, and is marked as offline.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from agent_framework import (
    BaseChatClient,
    ChatMiddlewareLayer,
    ChatOptions,
    ChatResponse,
    ChatResponseUpdate,
    Content,
    FinishReasonLiteral,
    FunctionInvocationLayer,
    Message,
    ResponseStream,
    UsageDetails,
)
from agent_framework.observability import ChatTelemetryLayer

from durable_agents.chat_clients.offline_reply import Reply, compose_reply

_WORDS_PER_UPDATE = 4


def _utc_now() -> datetime:
    return datetime.now(UTC)


class OfflineChatClient(
    FunctionInvocationLayer[ChatOptions[Any]],
    ChatMiddlewareLayer[ChatOptions[Any]],
    ChatTelemetryLayer[ChatOptions[Any]],
    BaseChatClient[ChatOptions[Any]],
):
    """Answer from rules instead of a model; safe to share between agents and concurrent calls.

    Every model call takes `latency_seconds`, spread over the updates when it streams. `clock` dates the responses and
    is the only thing in them that does not follow from the messages.
    """

    OTEL_PROVIDER_NAME: ClassVar[str] = "offline"

    def __init__(self, *, latency_seconds: float = 0.0, clock: Callable[[], datetime] = _utc_now) -> None:
        super().__init__()
        self.model = "offline"
        self.latency_seconds = latency_seconds
        self._clock = clock

    def _inner_get_response(
        self, *, messages: Sequence[Message], stream: bool, options: Mapping[str, Any], **kwargs: Any
    ) -> Awaitable[ChatResponse[Any]] | ResponseStream[ChatResponseUpdate, ChatResponse[Any]]:
        if stream:
            updates = self._stream(messages, options)
            return self._build_response_stream(updates, response_format=options.get("response_format"))
        return self._respond(messages, options)

    async def _respond(self, messages: Sequence[Message], options: Mapping[str, Any]) -> ChatResponse[Any]:
        reply = compose_reply(messages, await self._validate_options(options))
        await asyncio.sleep(self.latency_seconds)
        return ChatResponse(
            messages=Message("assistant", [_content(reply, reply.text)], message_id=reply.reply_id),
            response_id=reply.reply_id,
            created_at=self._timestamp(),
            model=self.model,
            finish_reason=_finish_reason(reply),
            usage_details=_usage(reply),
            response_format=options.get("response_format"),
        )

    async def _stream(
        self, messages: Sequence[Message], options: Mapping[str, Any]
    ) -> AsyncIterator[ChatResponseUpdate]:
        reply = compose_reply(messages, await self._validate_options(options))
        contents = [_content(reply, part) for part in _parts(reply)]
        created_at = self._timestamp()
        for number, content in enumerate(contents, start=1):
            await asyncio.sleep(self.latency_seconds / len(contents))
            is_last = number == len(contents)
            yield ChatResponseUpdate(
                contents=[content, Content.from_usage(_usage(reply))] if is_last else [content],
                role="assistant",
                response_id=reply.reply_id,
                message_id=reply.reply_id,
                created_at=created_at,
                model=self.model,
                finish_reason=_finish_reason(reply) if is_last else None,
            )

    def _timestamp(self) -> str:
        return self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _content(reply: Reply, text: str) -> Content:
    if reply.tool_name is not None:
        return Content.from_function_call(f"call-{reply.reply_id}", reply.tool_name, arguments=text)
    return Content.from_text(text)


def _parts(reply: Reply) -> list[str]:
    """Split an answer into groups of words that join to the same text; a tool call stays whole."""
    if reply.tool_name is not None:
        return [reply.text]
    words = re.findall(r"\S+\s*|\s+", reply.text)
    return ["".join(words[at : at + _WORDS_PER_UPDATE]) for at in range(0, len(words), _WORDS_PER_UPDATE)]


def _finish_reason(reply: Reply) -> FinishReasonLiteral:
    return "stop" if reply.tool_name is None else "tool_calls"


def _usage(reply: Reply) -> UsageDetails:
    return UsageDetails(
        input_token_count=reply.input_tokens,
        output_token_count=reply.output_tokens,
        total_token_count=reply.input_tokens + reply.output_tokens,
    )
