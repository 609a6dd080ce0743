"""A chat client of the framework like any other, but with rules behind it that understand nothing."""

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
    FunctionInvocationLayer,
    Message,
    ResponseStream,
)
from agent_framework.observability import ChatTelemetryLayer

from durable_agents.chat_clients.offline.reply import Reply, compose_reply


class OfflineChatClient(
    FunctionInvocationLayer[ChatOptions[Any]],
    ChatMiddlewareLayer[ChatOptions[Any]],
    ChatTelemetryLayer[ChatOptions[Any]],
    BaseChatClient[ChatOptions[Any]],
):
    """Answer from the words of the conversation, marked as offline; safe to share between agents and concurrent calls.

    Every model call takes `latency_seconds`, spread over the updates of its stream. `clock` dates the responses and is
    the only thing in them that does not follow from the messages.
    """

    OTEL_PROVIDER_NAME: ClassVar[str] = "offline"

    def __init__(
        self, *, latency_seconds: float = 0, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__()
        self.model = "offline"
        self.latency_seconds = latency_seconds
        self._clock = clock

    def _inner_get_response(
        self, *, messages: Sequence[Message], stream: bool, options: Mapping[str, Any], **kwargs: Any
    ) -> Awaitable[ChatResponse[Any]] | ResponseStream[ChatResponseUpdate, ChatResponse[Any]]:
        updates = self._emit(messages, options)
        answer = self._build_response_stream(updates, response_format=options.get("response_format"))
        return answer if stream else answer.get_final_response()

    async def _emit(self, messages: Sequence[Message], options: Mapping[str, Any]) -> AsyncIterator[ChatResponseUpdate]:
        reply = compose_reply(messages, await self._validate_options(options))
        contents = _contents(reply)
        created_at = self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        for number, content in enumerate(contents, start=1):
            await asyncio.sleep(self.latency_seconds / len(contents))
            is_last = number == len(contents)
            yield ChatResponseUpdate(
                contents=[content, Content.from_usage(reply.usage)] if is_last else [content],
                role="assistant",
                response_id=reply.reply_id,
                message_id=reply.reply_id,
                created_at=created_at,
                model=self.model,
                finish_reason=("tool_calls" if reply.tool_name else "stop") if is_last else None,
            )


def _contents(reply: Reply) -> list[Content]:
    """Split an answer into groups of words that join to the same text; a tool call stays whole."""
    if reply.tool_name is not None:
        return [Content.from_function_call(f"call-{reply.reply_id}", reply.tool_name, arguments=reply.text)]
    return [Content.from_text(group) for group in re.findall(r"(?:\S+\s*|\s+){1,4}", reply.text)]
