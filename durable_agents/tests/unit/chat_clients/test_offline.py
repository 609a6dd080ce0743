"""The offline client behaves like any client of the framework: streams, sessions, structured answers, tool calls."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from agent_framework import Agent, ChatOptions, ChatResponse, Content, FunctionTool, Message, tool
from agent_framework.exceptions import ChatClientInvalidRequestException
from pydantic import AfterValidator, BaseModel

from durable_agents.chat_clients.from_the_app import FROM_THE_APP
from durable_agents.chat_clients.offline.client import OfflineChatClient
from durable_agents.chat_clients.offline.conversation import MARK

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


class Summary(BaseModel):
    title: str
    points: list[str]


class Verdict(BaseModel):
    is_spam: bool
    confidence: float
    reason: str


def _refuse(value: str) -> str:
    raise ValueError("never good enough")


class Picky(BaseModel):
    text: Annotated[str, AfterValidator(_refuse)]


@tool(approval_mode="never_require")
def get_weather(city: str, days: int = 1) -> str:
    """Return the forecast for a city."""
    return f"sunny in {city} for {days} day"


@tool(approval_mode="never_require")
def order_status(order_id: str) -> str:
    """Return where a parcel is."""
    return f"{order_id} was shipped"


@tool(approval_mode="always_require")
def delete_file(name: str) -> str:
    """Delete a file."""
    return f"deleted {name}"


@pytest.fixture
def client() -> OfflineChatClient:
    return OfflineChatClient(clock=lambda: NOON)


def user(*texts: str) -> list[Message]:
    return [Message("user", [text]) for text in texts]


async def ask(
    client: OfflineChatClient, messages: list[Message], options: ChatOptions[Any] | None = None
) -> ChatResponse[Any]:
    return await client.get_response(messages, options=options)


@pytest.mark.parametrize("response_format", [None, Summary, Verdict])
async def test_a_stream_adds_up_to_the_plain_response(
    client: OfflineChatClient, response_format: type[BaseModel] | None
) -> None:
    options: ChatOptions[Any] = {"response_format": response_format}
    messages = user("Summarise the minutes. Nobody came.")
    plain = await ask(client, messages, options)
    stream = client.get_response(messages, stream=True, options=options)
    updates = [update async for update in stream]
    streamed = await stream.get_final_response()
    assert len(updates) > 2
    assert "".join(update.text for update in updates) == plain.text
    assert streamed.to_dict() == plain.to_dict()
    assert streamed.value == plain.value


async def test_the_same_messages_get_the_same_answer(client: OfflineChatClient) -> None:
    first, second = [await ask(client, user("What is new?")) for _ in range(2)]
    other = await ask(client, user("What is old?"))
    assert first.to_dict() == second.to_dict()
    assert first.response_id != other.response_id


async def test_the_response_is_dated_by_the_clock_and_marked_as_offline(client: OfflineChatClient) -> None:
    response = await ask(client, user("Hello"))
    assert response.created_at == "2025-01-01T12:00:00.000000Z"
    assert response.model == "offline"
    assert response.finish_reason == "stop"
    assert response.text.startswith(MARK)


async def test_a_session_is_remembered(client: OfflineChatClient) -> None:
    agent = Agent(client, "Be kind.", name="Test")
    session = agent.create_session()
    await agent.run("My name is Ann.", session=session)
    await agent.run("I live in Oslo.", session=session)
    answer = await agent.run("Who am I?", session=session)
    assert "Turn 3" in answer.text
    for text in ("My name is Ann.", "I live in Oslo.", "Who am I?"):
        assert text in answer.text


async def test_tokens_are_one_for_every_four_characters(client: OfflineChatClient) -> None:
    response = await ask(client, user("12345", "1234"), {"instructions": "123"})
    expected = {"input_token_count": 1 + 2 + 1, "output_token_count": -(-len(response.text) // 4)}
    assert response.usage_details == expected | {"total_token_count": sum(expected.values())}


async def test_a_model_as_response_format_gives_a_valid_marked_instance(client: OfflineChatClient) -> None:
    response = await ask(client, user("Compare tea. And coffee. And water."), {"response_format": Summary})
    assert isinstance(response.value, Summary)
    assert MARK in response.value.title
    assert "coffee" in response.value.points[1]


@pytest.mark.parametrize(
    "response_format",
    [
        {"type": "json_schema", "json_schema": {"name": "Summary", "schema": Summary.model_json_schema()}},
        Summary.model_json_schema(),
    ],
)
async def test_a_schema_as_response_format_gives_a_valid_instance(
    client: OfflineChatClient, response_format: dict[str, Any]
) -> None:
    response = await ask(client, user("Compare tea and coffee."), {"response_format": response_format})
    Summary.model_validate_json(response.text)


async def test_json_object_and_text_are_response_formats(client: OfflineChatClient) -> None:
    json_object = await ask(client, user("Hello"), {"response_format": {"type": "json_object"}})
    text = await ask(client, user("Hello"), {"response_format": {"type": "text"}})
    assert json_object.text.startswith('{"answer": "')
    assert text.text.startswith(MARK)


async def test_a_model_that_refuses_every_value_is_named(client: OfflineChatClient) -> None:
    message = r"cannot build a valid 'Picky': text: .*never good enough\. Simplify"
    with pytest.raises(ChatClientInvalidRequestException, match=message):
        await ask(client, user("Hello"), {"response_format": Picky})


class Defaulted(BaseModel):
    text: Annotated[str, AfterValidator(_refuse)] = "as it was"
    title: str


async def test_a_field_that_is_refused_is_left_to_its_default(client: OfflineChatClient) -> None:
    response = await ask(client, user("Hello"), {"response_format": Defaulted})
    assert isinstance(response.value, Defaulted)
    assert response.value.text == "as it was"


async def test_a_request_without_a_message_is_refused(client: OfflineChatClient) -> None:
    with pytest.raises(ChatClientInvalidRequestException, match="no message to answer"):
        await ask(client, [Message("system", ["Be kind."])])


@pytest.mark.parametrize("stream", [False, True])
async def test_a_fitting_tool_is_called_and_its_result_used(client: OfflineChatClient, stream: bool) -> None:
    agent = Agent(client, "Help.", name="Test", tools=[order_status, get_weather])
    if stream:
        response = await agent.run("What is the weather in Paris?", stream=True).get_final_response()
    else:
        response = await agent.run("What is the weather in Paris?")
    contents = [content for message in response.messages for content in message.contents]
    assert [content.type for content in contents] == ["function_call", "function_result", "text"]
    assert contents[0].parse_arguments() == {"city": "Paris"}
    assert "sunny in Paris for 1 day" in response.text


async def test_each_turn_calls_its_own_tool(client: OfflineChatClient) -> None:
    agent = Agent(client, "Help.", name="Test", tools=[order_status, get_weather])
    session = agent.create_session()
    first = await agent.run("Weather in Rome?", session=session)
    second = await agent.run("And my order AB-7?", session=session)
    assert "sunny in Rome" in first.text
    assert "AB-7 was shipped" in second.text
    assert "sunny" not in second.text


@pytest.mark.parametrize("approved", [True, False])
async def test_a_tool_that_needs_approval_runs_after_it(client: OfflineChatClient, approved: bool) -> None:
    agent = Agent(client, "Help.", name="Test", tools=[delete_file])
    session = agent.create_session()
    asked = await agent.run('Delete the file "a.txt".', session=session)
    (request,) = asked.user_input_requests
    decision = Message("user", [request.to_function_approval_response(approved)])
    answer = await agent.run(decision, session=session)
    assert ("deleted a.txt" in answer.text) is approved
    assert "Turn 1" in answer.text


async def test_no_tool_is_called_when_none_fits_or_none_may_be(client: OfflineChatClient) -> None:
    unrelated = await ask(client, user("Tell me a joke."), {"tools": [get_weather]})
    forbidden = await ask(client, user("Weather in Rome?"), {"tools": [get_weather], "tool_choice": "none"})
    assert _calls(unrelated) == _calls(forbidden) == []


async def test_what_the_app_tells_calls_no_tool(client: OfflineChatClient) -> None:
    question = "Weather in Rome?"
    tools: ChatOptions[Any] = {"tools": [get_weather]}
    assert _calls(await ask(client, user(question), tools)) != []
    assert _calls(await ask(client, user(f"{FROM_THE_APP} {question}"), tools)) == []


async def test_a_required_tool_is_called_even_when_it_does_not_fit() -> None:
    options: ChatOptions[Any] = {
        "tools": [get_weather, order_status],
        "tool_choice": {"mode": "required", "required_function_name": "order_status"},
    }
    response = await ask(OfflineChatClient(), user("Hello 4711"), options)
    assert "4711 was shipped" in response.text


async def test_a_required_tool_that_is_missing_is_named(client: OfflineChatClient) -> None:
    options: ChatOptions[Any] = {
        "tools": [get_weather],
        "tool_choice": {"mode": "required", "required_function_name": "fly"},
    }
    with pytest.raises(ChatClientInvalidRequestException, match=r"'fly' is not among the tools given: get_weather"):
        await ask(client, user("Hello"), options)


async def test_arguments_that_cannot_be_made_up_are_an_error(client: OfflineChatClient) -> None:
    impossible = {
        "type": "object",
        "properties": {"code": {"type": "string", "pattern": "^(ab|cd)x$"}},
        "required": ["code"],
    }
    lock = FunctionTool(name="open_lock", description="Open it.", func=lambda code: code, input_model=impossible)
    with pytest.raises(ChatClientInvalidRequestException, match="arguments for the tool 'open_lock': code:"):
        await ask(client, user("Open the lock"), {"tools": [lock]})


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_takes_the_latency(stream: bool) -> None:
    client = OfflineChatClient(latency_seconds=0.2)
    started = time.monotonic()
    if stream:
        await client.get_response(user("Hello"), stream=True).get_final_response()
    else:
        await client.get_response(user("Hello"))
    assert 0.19 <= time.monotonic() - started < 5


def _calls(response: ChatResponse[Any]) -> list[Content]:
    return [c for message in response.messages for c in message.contents if c.type == "function_call"]
