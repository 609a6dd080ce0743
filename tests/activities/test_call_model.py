from typing import Any

import pytest
from agent_framework import Content
from agent_framework.exceptions import ChatClientException

from activities.call_model import Conversation, ModelCallError, Said, ToolCall, call_model
from durable_agents import StepTimeoutError, create_chat_client
from durable_agents.settings.groups import OfflineSettings
from durable_agents.testing import ScriptedChatClient, call_tool

ASKED = Said(role="user", text="What is 3 + 4?")
CALL = ToolCall(call_id="c", name="calculate", arguments={"expression": "3 + 4"})


def scripted(*steps: Any) -> ScriptedChatClient:
    client = ScriptedChatClient(*steps)
    client.function_invocation_configuration["enabled"] = False
    return client


async def test_an_answer_and_what_the_model_is_asked() -> None:
    client = scripted("Seven.")
    said = [ASKED, Said(role="assistant", text="Well.", calls=[CALL]), Said(role="tool", call_id="c", text="7")]
    answer = await call_model(Conversation(said=said), chat_client=client, instructions="Be brief.")
    assert answer == Said(role="assistant", text="Seven.")
    (request,) = client.requests
    assert request.options["instructions"] == "Be brief."
    assert request.tools == ["search_library", "count_words", "calculate", "ask_human"]
    asked, called, result = request.messages
    assert (asked.role, asked.text, called.role, called.text, result.role) == (
        *("user", ASKED.text, "assistant", "Well.", "tool"),
    )
    assert [content.type for content in called.contents] == ["text", "function_call"]
    assert (called.contents[1].call_id, called.contents[1].name) == ("c", "calculate")
    assert (result.contents[0].call_id, result.contents[0].result) == ("c", "7")


async def test_calls_are_answered_and_not_made_known_or_not() -> None:
    calls = [call_tool("calculate", expression="1"), Content.from_function_call("x", "fly", arguments=None)]
    answer = await call_model(Conversation(said=[ASKED]), chat_client=scripted(calls))
    assert [(call.name, call.arguments) for call in answer.calls] == [("calculate", {"expression": "1"}), ("fly", {})]


async def test_of_many_calls_ten_are_made() -> None:
    calls = [call_tool("calculate", expression=str(number)) for number in range(12)]
    answer = await call_model(Conversation(said=[ASKED]), chat_client=scripted(calls))
    assert len(answer.calls) == 10


async def test_a_model_that_must_answer_has_no_tools_and_knows_why() -> None:
    client = scripted("Seven, I think.")
    answer = await call_model(Conversation(said=[ASKED], must_answer="It is late."), chat_client=client)
    assert answer.text == "Seven, I think."
    assert client.requests[0].tools == []
    assert client.requests[0].messages[-1].text.startswith("It is late. Answer now")


@pytest.mark.parametrize(
    ("step", "must_answer", "problem"),
    [
        (" ", None, "The model's answer is empty."),
        (ChatClientException("key sk-1 is wrong"), None, r"The model did not answer \(model_call_failed\)"),
        (TimeoutError("3 + 4"), None, r"The model did not answer \(provider_timeout\)"),
        (
            Content.from_function_call("x", "calculate", arguments="{}"),
            "It is late.",
            "asks for tools, where it has none",
        ),
    ],
)
async def test_what_is_no_answer_fails_and_repeats_nothing(step: Any, must_answer: str | None, problem: str) -> None:
    conversation = Conversation(said=[ASKED], must_answer=must_answer)
    with pytest.raises(ModelCallError, match=problem) as caught:
        await call_model(conversation, chat_client=scripted(step))
    assert "sk-1" not in str(caught.value)
    assert "3 + 4" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_it_works_with_the_offline_model() -> None:
    client = create_chat_client(OfflineSettings(), calls_tools=False)
    answer = await call_model(Conversation(said=[Said(role="user", text='Calculate "3 + 4"')]), chat_client=client)
    assert [(call.name, call.arguments) for call in answer.calls] == [("calculate", {"expression": "3 + 4"})]


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ("7", "7"),
        (StepTimeoutError("late"), "Nothing has come of it in time."),
        (ValueError("secret"), "calculate has failed, in all its attempts. Do not count on it."),
    ],
)
def test_the_model_is_told_of_each_call(result: str | Exception, told: str) -> None:
    assert CALL.told(result) == Said(role="tool", call_id="c", text=told)


def test_a_conversation_is_full_by_what_it_takes_to_store() -> None:
    assert not Conversation(said=[Said(role="user", text="a" * 190_000)]).is_full
    assert Conversation(said=[Said(role="user", text="ä" * 190_000)]).is_full
