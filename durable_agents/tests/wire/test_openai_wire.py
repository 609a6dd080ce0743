"""The OpenAI-compatible client, over real sockets, against a server that holds it to the chat completions protocol."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from agent_framework import Agent, SupportsChatGetResponse, tool
from agent_framework.exceptions import ChatClientException

from durable_agents.chat_clients.factory import create_chat_client
from durable_agents.settings.groups import OpenAISettings
from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, Failure, ToolCall
from durable_agents.tests.app.agents import SpamVerdict, create_spam_detector, create_writer


@tool(approval_mode="never_require")
def get_weather(city: str) -> str:
    """Return the weather in a city."""
    return f"sunny in {city}"


@pytest.fixture
async def server() -> AsyncIterator[ChatCompletionsServer]:
    async with ChatCompletionsServer() as server:
        yield server
        assert server.unused_steps == 0


@pytest.fixture
def client(server: ChatCompletionsServer) -> SupportsChatGetResponse[Any]:
    return connect(server)


def connect(server: ChatCompletionsServer, api_key: str = "test-key") -> SupportsChatGetResponse[Any]:
    return create_chat_client(OpenAISettings(api_key, server.model, server.base_url))


async def test_an_answer(server: ChatCompletionsServer, client: SupportsChatGetResponse[Any]) -> None:
    server.script(Answer("Tea is a drink."))
    response = await create_writer(client).run("What is tea?")
    assert response.text == "Tea is a drink."
    assert response.usage_details == {"input_token_count": 11, "output_token_count": 7, "total_token_count": 18}
    assert response.created_at == "2025-01-01T12:00:00.000000Z"
    system, user = server.requests[0].body["messages"]
    assert (system["role"], system["content"]) == ("system", "You write.")
    assert user["role"] == "user"


async def test_a_streamed_answer(server: ChatCompletionsServer, client: SupportsChatGetResponse[Any]) -> None:
    server.script(Answer("Tea is a drink."))
    stream = create_writer(client).run("What is tea?", stream=True)
    texts = [update.text async for update in stream]
    response = await stream.get_final_response()
    assert len([text for text in texts if text]) > 3
    assert "".join(texts) == response.text == "Tea is a drink."
    assert response.usage_details is not None
    assert response.usage_details["total_token_count"] == 18
    assert server.requests[0].streams


@pytest.mark.parametrize("stream", [False, True])
async def test_structured_output(
    server: ChatCompletionsServer, client: SupportsChatGetResponse[Any], stream: bool
) -> None:
    verdict = SpamVerdict(is_spam=True, confidence=0.9, reason="A lottery.")
    server.script(Answer(verdict.model_dump_json()))
    detector = create_spam_detector(client)
    if stream:
        response = await detector.run("You won!", stream=True).get_final_response()
    else:
        response = await detector.run("You won!")
    assert response.value == verdict
    response_format = server.requests[0].body["response_format"]
    assert response_format["type"] == "json_schema"
    assert set(response_format["json_schema"]["schema"]["properties"]) == {"is_spam", "confidence", "reason"}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_tool_call_round_trip(
    server: ChatCompletionsServer, client: SupportsChatGetResponse[Any], stream: bool
) -> None:
    server.script(Answer(tool_calls=(ToolCall("call_1", "get_weather", {"city": "Oslo"}),)), Answer("It is sunny."))
    agent = Agent(client, "Help.", name="Test", tools=[get_weather])
    if stream:
        response = await agent.run("Weather in Oslo?", stream=True).get_final_response()
    else:
        response = await agent.run("Weather in Oslo?")
    assert response.text == "It is sunny."
    first, second = (request.body for request in server.requests)
    assert [offered["function"]["name"] for offered in first["tools"]] == ["get_weather"]
    assert second["messages"][-1]["tool_call_id"] == "call_1"
    assert second["messages"][-1]["content"] == "sunny in Oslo"


async def test_a_session_is_sent_again(server: ChatCompletionsServer, client: SupportsChatGetResponse[Any]) -> None:
    server.script(Answer("Hello Ann."), Answer("Ann."))
    agent = create_writer(client)
    session = agent.create_session()
    await agent.run("I am Ann.", session=session)
    await agent.run("Who am I?", session=session)
    assert [message["role"] for message in server.requests[1].body["messages"]] == [
        "system",
        "user",
        "assistant",
        "user",
    ]


async def test_too_many_requests_are_retried_when_the_server_says(
    server: ChatCompletionsServer, client: SupportsChatGetResponse[Any]
) -> None:
    server.script(Failure(429, "Slow down.", "rate_limit_exceeded", retry_after=0.2), Answer("Done."))
    started = time.monotonic()
    response = await create_writer(client).run("Go.")
    assert response.text == "Done."
    assert 0.2 <= time.monotonic() - started < 5
    assert server.requests[0].body == server.requests[1].body


async def test_a_lasting_server_error_surfaces_after_two_retries(
    server: ChatCompletionsServer, client: SupportsChatGetResponse[Any]
) -> None:
    server.script(*[Failure(500, "The engine is broken.", retry_after=0.01)] * 3)
    with pytest.raises(ChatClientException, match=r"The engine is broken\.") as caught:
        await create_writer(client).run("Go.")
    assert isinstance(caught.value.__cause__, openai.InternalServerError)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_wrong_key_surfaces_at_once(server: ChatCompletionsServer, stream: bool) -> None:
    agent = create_writer(connect(server, api_key="wrong"))
    with pytest.raises(ChatClientException, match="Incorrect API key") as caught:
        if stream:
            await agent.run("Go.", stream=True).get_final_response()
        else:
            await agent.run("Go.")
    assert isinstance(caught.value.__cause__, openai.AuthenticationError)
    assert server.requests == []


async def test_an_unknown_model_surfaces(server: ChatCompletionsServer) -> None:
    client = create_chat_client(OpenAISettings("test-key", "other", server.base_url))
    with pytest.raises(ChatClientException, match="The model 'other' does not exist"):
        await create_writer(client).run("Go.")


@pytest.mark.parametrize("stream", [False, True])
async def test_agents_of_one_provider_have_models_and_temperatures_of_their_own(
    server: ChatCompletionsServer, stream: bool
) -> None:
    server.models.add("small")
    settings = OpenAISettings("test-key", server.model, server.base_url)
    small = create_chat_client(settings, model="small", temperature=0)
    agents = [
        create_spam_detector(small),
        create_writer(create_chat_client(settings)),
        Agent(small, "Be bold.", default_options={"temperature": 0.9}),
    ]
    server.script(Answer('{"is_spam": true, "confidence": 0.9, "reason": "A lottery."}'), Answer("A."), Answer("B."))
    for agent in agents:
        if stream:
            await agent.run("Go.", stream=True).get_final_response()
        else:
            await agent.run("Go.")
    asked = [(request.body["model"], request.body.get("temperature")) for request in server.requests]
    assert asked == [("small", 0), (server.model, None), ("small", 0.9)]


async def test_the_temperature_holds_in_every_call_of_a_run(server: ChatCompletionsServer) -> None:
    client = create_chat_client(OpenAISettings("test-key", server.model, server.base_url), temperature=0.2)
    server.script(Answer(tool_calls=(ToolCall("call_1", "get_weather", {"city": "Oslo"}),)), Answer("It is sunny."))
    await Agent(client, "Help.", tools=[get_weather]).run("Weather in Oslo?", stream=True).get_final_response()
    assert [request.body["temperature"] for request in server.requests] == [0.2, 0.2]


CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
OPEN_OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
CLOSED_OBJECT = {**OPEN_OBJECT, "additionalProperties": False}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"messages": []}, "must not be empty"),
        ({"messages": [{"role": "tool", "tool_call_id": "call_2", "content": ""}]}, "'call_2' answers no call"),
        ({"messages": [{"role": "assistant", "tool_calls": [CALL]}, {"role": "user"}]}, "['call_1'] have no answers"),
        ({"messages": [{"role": "assistant", "tool_calls": [CALL]}]}, "['call_1'] have no answers"),
        ({"json_schema": {"schema": CLOSED_OBJECT}}, "'response_format.json_schema.name' is missing"),
        ({"json_schema": {"name": "R", "schema": OPEN_OBJECT}}, "R: 'additionalProperties' must be false"),
        ({"json_schema": {"name": "R", "schema": {**CLOSED_OBJECT, "required": []}}}, "'required' must name every"),
    ],
)
async def test_the_server_refuses_what_breaks_the_protocol(
    server: ChatCompletionsServer, body: dict[str, Any], problem: str
) -> None:
    if "json_schema" in body:
        body = {"messages": [{"role": "user"}], "response_format": {"type": "json_schema", **body}}
    headers = {"Authorization": f"Bearer {server.api_key}"}
    async with httpx.AsyncClient(base_url=server.base_url, headers=headers, trust_env=False) as client:
        response = await client.post("/chat/completions", json={"model": server.model, **body})
    assert response.status_code == 400
    assert problem in response.json()["error"]["message"]
