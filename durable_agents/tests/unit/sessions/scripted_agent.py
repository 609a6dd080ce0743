"""A real agent whose chat client plays a script, one step for each call of the model."""

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import Any

import httpx
from agent_framework import (
    Agent,
    BaseChatClient,
    ChatMiddlewareLayer,
    ChatOptions,
    ChatResponse,
    ChatResponseUpdate,
    Content,
    FunctionInvocationLayer,
    Message,
    ResponseStream,
    UsageDetails,
)

USAGE = UsageDetails(input_token_count=10, output_token_count=5, total_token_count=15)


class Busy(Exception):  # noqa: N818  # named for what the provider says
    """The error of a provider that wants to be asked again at once."""

    status_code = 503
    response = httpx.Response(503, headers={"Retry-After": "0"})


class ScriptedChatClient(
    FunctionInvocationLayer[ChatOptions[Any]], ChatMiddlewareLayer[ChatOptions[Any]], BaseChatClient[ChatOptions[Any]]
):
    """Each step is what the model sends: texts, tool calls as `Content`, and an exception where it breaks off."""

    def __init__(self, *steps: Sequence[str | Content | Exception]) -> None:
        super().__init__()
        self.steps = list(steps)
        self.seen: list[list[Message]] = []

    def _inner_get_response(
        self, *, messages: Sequence[Message], stream: bool, options: Mapping[str, Any], **kwargs: Any
    ) -> Awaitable[ChatResponse[Any]] | ResponseStream[ChatResponseUpdate, ChatResponse[Any]]:
        self.seen.append(list(messages))
        step = self.steps.pop(0)
        if stream:
            return self._build_response_stream(self._stream(step))
        return self._respond(step)

    async def _stream(self, step: Sequence[str | Content | Exception]) -> AsyncIterator[ChatResponseUpdate]:
        for part in step:
            if isinstance(part, Exception):
                raise part
            content = Content.from_text(part) if isinstance(part, str) else part
            yield ChatResponseUpdate(contents=[content], role="assistant", message_id="m")
        yield ChatResponseUpdate(contents=[Content.from_usage(USAGE)], role="assistant", message_id="m")

    async def _respond(self, step: Sequence[str | Content | Exception]) -> ChatResponse[Any]:
        for part in step:
            if isinstance(part, Exception):
                raise part
        contents = [Content.from_text(part) if isinstance(part, str) else part for part in step]
        return ChatResponse(messages=Message("assistant", contents), usage_details=USAGE)  # type: ignore[arg-type]


def call(name: str, call_id: str = "c1", arguments: str = "{}") -> Content:
    """Return a tool call as the model asks for it."""
    return Content.from_function_call(call_id, name, arguments=arguments)


def agent_with(client: ScriptedChatClient, *tools: Any, **options: Any) -> Agent[Any]:
    """Return an agent on this client."""
    return Agent(client, "Help.", name="Test", tools=list(tools), **options)
