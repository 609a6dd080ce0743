"""A scripted model answers as the test says, in whole or in pieces, and says when it is asked something else."""

import pytest
from agent_framework import Agent
from pydantic import BaseModel

from durable_agents.testing import ScriptedChatClient, ScriptError, asked, call_tool


class Verdict(BaseModel):
    is_spam: bool


def ship(number: str) -> str:
    """Ship an order."""
    return f"{number} is on its way"


def agent_on(chat: ScriptedChatClient, **options: object) -> Agent[object]:
    return Agent(chat, "Help.", name="Test", tools=[ship], default_options=options)  # type: ignore[arg-type]


async def ask(agent: Agent[object], message: str, *, stream: bool) -> tuple[str, object]:
    if stream:
        response = await agent.run(message, stream=True).get_final_response()
    else:
        response = await agent.run(message)
    return response.text, response.value


both_ways = pytest.mark.parametrize("stream", [False, True])


@both_ways
async def test_a_question_a_tool_call_and_an_answer(stream: bool) -> None:
    chat = ScriptedChatClient(
        asked("order 7", call_tool("ship", number="7")), asked("7 is on its way", "It ", "comes.")
    )
    assert await ask(agent_on(chat), "Send order 7.", stream=stream) == ("It comes.", None)
    chat.check_finished()
    assert [request.text for request in chat.requests] == ["Send order 7.", "7 is on its way"]
    assert [request.tools for request in chat.requests] == [["ship"], ["ship"]]
    (called,) = [c for m in chat.requests[1].messages for c in m.contents if c.type == "function_call"]
    assert called.parse_arguments() == {"number": "7"}


@both_ways
async def test_an_answer_in_a_form(stream: bool) -> None:
    chat = ScriptedChatClient(Verdict(is_spam=True))
    text, value = await ask(agent_on(chat, response_format=Verdict), "Win!", stream=stream)
    assert (text, value) == ('{"is_spam":true}', Verdict(is_spam=True))
    assert chat.requests[0].options["response_format"] is Verdict


@both_ways
async def test_a_failure_and_then_an_answer(stream: bool) -> None:
    chat = ScriptedChatClient(["Once upon", ConnectionError("gone")], "Yes.")
    with pytest.raises(ConnectionError, match="gone"):
        await ask(agent_on(chat), "One", stream=stream)
    assert await ask(agent_on(chat), "Two", stream=stream) == ("Yes.", None)


async def test_a_stream_comes_in_the_pieces_of_the_script() -> None:
    stream = agent_on(ScriptedChatClient(["Tea ", "is warm."])).run("Tea?", stream=True)
    assert [update.text async for update in stream if update.text] == ["Tea ", "is warm."]


async def test_every_tool_call_has_an_id_of_its_own() -> None:
    chat = ScriptedChatClient([call_tool("ship", number="7"), call_tool("ship", number="7")], "Twice.")
    await agent_on(chat).run("Send it twice.")
    ids = [c.call_id for m in chat.requests[1].messages for c in m.contents if c.type == "function_result"]
    assert len(ids) == len(set(ids)) == 2


@both_ways
async def test_more_than_scripted(stream: bool) -> None:
    chat = ScriptedChatClient("One.")
    agent = agent_on(chat)
    await ask(agent, "First", stream=stream)
    told = "The script of the model ends after it was asked once, and it is asked 'Second'."
    with pytest.raises(ScriptError) as caught:
        await ask(agent, "Second", stream=stream)
    assert str(caught.value) == told
    with pytest.raises(ScriptError) as again:
        chat.check_finished()
    assert str(again.value) == told


async def test_less_than_scripted() -> None:
    chat = ScriptedChatClient("One.", "Two.")
    await agent_on(chat).run("First")
    with pytest.raises(ScriptError, match=r"was asked once, and its script goes on with 'Two\.'\."):
        chat.check_finished()


async def test_something_else_than_scripted() -> None:
    chat = ScriptedChatClient(asked("tea", "Warm."))
    with pytest.raises(ScriptError, match=r"expects to be asked 'tea', and it is asked 'Coffee\?'\."):
        await agent_on(chat).run("Coffee?")
    assert chat.requests[0].text == "Coffee?"


async def test_a_tool_that_the_agent_does_not_have() -> None:
    chat = ScriptedChatClient(call_tool("sink", number=1))
    with pytest.raises(ScriptError, match=r"calls the tool 'sink' \(there are: ship\)"):
        await agent_on(chat).run("Go")
