"""What a chat completions server answers is taken for an answer only if it is whole, streamed or not."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from agent_framework import Agent, AgentResponse, tool
from agent_framework.exceptions import ChatClientException

from durable_agents.chat_clients.factory import create_chat_client
from durable_agents.sessions.failures import describe_failure
from durable_agents.settings.groups import OpenAISettings
from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, Step, ToolCall
from durable_agents.tests.wire.faults import Body, EndedStream, MalformedJson

CUT_CALL = ToolCall("call_1", "pay", '{"amount": 1')
NO_CHOICES = json.dumps({"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": []})
NO_CHOICES_STREAMED = NO_CHOICES.replace(".completion", ".completion.chunk")
LOGIN_PAGE = "<!doctype html>\n<title>Sign in</title>"

# What the server does, what the reason says, and whether another attempt can help.
SHAPES: dict[str, tuple[Step, str, bool]] = {
    "cut off": (Answer("Once upon a", finish_reason="length"), "length", False),
    "filtered": (Answer("Once upon a", finish_reason="content_filter"), "content_filter", False),
    "no reason": (Answer("Once upon a", finish_reason=None), "without a finish_reason", True),
    "unknown reason": (Answer("Once upon a", finish_reason="error"), "no whole answer", True),
    "no text": (Answer(""), "is empty", True),
    "blanks": (Answer(" \n"), "is empty", True),
    "call cut off": (Answer(tool_calls=(CUT_CALL,)), "arguments", True),
    "call cut off by length": (Answer(tool_calls=(CUT_CALL,), finish_reason="length"), "length", False),
    "call without an end": (Answer(tool_calls=(CUT_CALL,), finish_reason=None), "arguments", True),
    "call of no object": (Answer(tool_calls=(ToolCall("call_1", "pay", "[1]"),)), "arguments", True),
    "call of nothing": (Answer(tool_calls=(ToolCall("call_1", "", "{}"),)), "without a name", True),
}
STREAMS: dict[str, tuple[Step, str, bool]] = {
    "ends early": (EndedStream("Once upon a"), "without a finish_reason", True),
    "ends at once": (EndedStream(), "is missing", True),
    "only its end": (Body("data: [DONE]\n\n", "text/event-stream"), "is missing", True),
    "nothing": (Body("", "text/event-stream"), "is missing", True),
    "no choices": (Body(f"data: {NO_CHOICES_STREAMED}\n\ndata: [DONE]\n\n", "text/event-stream"), "is missing", True),
    "whole, no choices": (Body(NO_CHOICES), "is missing", True),
    "whole, cut off": (Answer("Once", finish_reason="length", never_streams=True), "length", False),
    "whole, half": (Body(NO_CHOICES[:-3]), "cut off", True),
    "whole, no completion": (Body('{"answer": 42}'), "no completion", True),
    "whole, odd choices": (Body('{"choices": [1]}'), "no completion", True),
    "whole, too deep": (Body('{"a":' * 100_000), "cut off", True),
    "malformed": (MalformedJson(), "cannot be read", True),
    "a page": (Body(LOGIN_PAGE, "text/html"), "HTML", True),
    "a page of another type": (Body(LOGIN_PAGE, "text/plain"), "something else", True),
    "an error": (Body('{"error": {"message": "No such deployment: secret"}}'), "an error in the place", True),
    "an error in a stream": (Body('data: {"error": {"message": "secret"}}\n\n', "text/event-stream"), "error", True),
}


@tool(approval_mode="never_require")
def pay(amount: int) -> str:
    """Pay an amount."""
    raise AssertionError("half a call is not made")


@pytest.fixture
async def server() -> AsyncIterator[ChatCompletionsServer]:
    async with ChatCompletionsServer() as server:
        yield server
        assert server.unused_steps == 0


async def ask(server: ChatCompletionsServer, *, stream: bool, tools: Any = (pay,)) -> AgentResponse[Any]:
    client = create_chat_client(OpenAISettings(server.api_key, server.model, server.base_url))
    agent = Agent(client, "Help.", name="Test", tools=list(tools))
    if stream:
        return await agent.run("Go.", stream=True).get_final_response()
    return await agent.run("Go.")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
async def test_no_part_of_an_answer_is_one(server: ChatCompletionsServer, shape: str, stream: bool) -> None:
    step, reason, retryable = SHAPES[shape]
    server.script(step)
    with pytest.raises(ChatClientException) as caught:
        await ask(server, stream=stream)
    failure = describe_failure(caught.value)
    assert (failure.code, failure.retryable) == ("invalid_answer", retryable)
    assert reason in failure.message


@pytest.mark.parametrize("shape", STREAMS)
async def test_no_other_body_is_an_answer(server: ChatCompletionsServer, shape: str) -> None:
    step, reason, retryable = STREAMS[shape]
    server.script(step)
    with pytest.raises(ChatClientException) as caught:
        await ask(server, stream=True)
    failure = describe_failure(caught.value)
    assert (failure.code, failure.retryable) == ("invalid_answer", retryable)
    assert reason in failure.message
    assert "secret" not in failure.message


@pytest.mark.parametrize("step", [Body(LOGIN_PAGE, "text/html"), Body('{"error": {"message": "x"}}'), Body(NO_CHOICES)])
async def test_no_other_body_is_an_answer_that_is_not_streamed(server: ChatCompletionsServer, step: Step) -> None:
    server.script(step)
    with pytest.raises(ChatClientException):
        await ask(server, stream=False)


async def test_an_error_of_a_kind_that_is_known_keeps_it(server: ChatCompletionsServer) -> None:
    server.script(Body('{"error": {"message": "Slow down.", "code": "rate_limit_exceeded"}}'))
    with pytest.raises(ChatClientException) as caught:
        await ask(server, stream=True)
    assert describe_failure(caught.value).code == "rate_limited"


async def test_a_server_that_never_streams_is_understood(server: ChatCompletionsServer) -> None:
    server.script(Answer("Tea is a drink.\n\ndata: [DONE]", never_streams=True))
    response = await ask(server, stream=True)
    assert response.text == "Tea is a drink.\n\ndata: [DONE]"
    assert response.usage_details == {"input_token_count": 11, "output_token_count": 7, "total_token_count": 18}
    assert server.requests[0].streams


async def test_a_server_that_never_streams_calls_tools(server: ChatCompletionsServer) -> None:
    amounts: list[int] = []

    @tool(approval_mode="never_require")
    def add(amount: int) -> str:
        """Add an amount."""
        amounts.append(amount)
        return "added"

    calls = tuple(ToolCall(f"call_{number}", "add", {"amount": number}) for number in (1, 2))
    server.script(Answer(tool_calls=calls, never_streams=True), Answer("Three.", never_streams=True))
    response = await ask(server, stream=True, tools=[add])
    assert (response.text, sorted(amounts)) == ("Three.", [1, 2])
    assert response.usage_details is not None
    assert response.usage_details["total_token_count"] == 36


async def test_the_type_of_a_stream_and_who_begins_it_do_not_matter(server: ChatCompletionsServer) -> None:
    choice = {"index": 0, "delta": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    server.script(Body(f": hello\n\n\ndata: {json.dumps(chunk)}\n\n", "text/plain"))
    assert (await ask(server, stream=True)).text == "Hi."
