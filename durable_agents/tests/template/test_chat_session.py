"""The chat sessions of the template, over the wire: tools, bad answers, repeats, and kills."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, Failure, Step, ToolCall
from durable_agents.tests.wire.faults import Body, MalformedJson, Silence

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(not (ROOT / "entities" / "chat_session.py").exists(), reason="it was deleted")
HELLO = {"message": "Hello"}


@pytest.fixture
async def model() -> AsyncIterator[ChatCompletionsServer]:
    """A model that answers as the test scripts it, and must be asked for all of it."""
    async with ChatCompletionsServer() as server:
        yield server
        assert server.unused_steps == 0


class Chat:
    """One session, as a caller sees it."""

    def __init__(self, http: httpx.Client, session: str = "s") -> None:
        self.http = http
        self.path = f"/api/chat/{session}"

    async def say(self, message: str, key: str | None = None) -> httpx.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return await asyncio.to_thread(self.http.post, self.path, json={"message": message}, headers=headers)

    async def get(self, url: str) -> httpx.Response:
        return await asyncio.to_thread(self.http.get, url)

    async def pick_up(self, accepted: httpx.Response) -> httpx.Response:
        """Return the answer that a 202 points to."""
        assert (accepted.status_code, accepted.headers["Retry-After"]) == (202, "1"), accepted.text
        location = accepted.headers["Location"]
        assert accepted.json()["links"] == {"answer": location}
        async with asyncio.timeout(20):
            while (answer := await self.get(location)).status_code == 202:
                await asyncio.sleep(0.05)
        return answer


async def test_a_conversation_with_tools(
    start_host: Any, api_of: Callable[[Any], Any], model: ChatCompletionsServer
) -> None:
    calls = (ToolCall("call_1", "calculate", {"expression": "3 + 4"}), ToolCall("call_2", "calculate", {"e": "1"}))
    model.script(Answer("Hi."), Answer(tool_calls=calls), Answer(tool_calls=(calls[0],)), Answer("Seven."))
    host = await asyncio.to_thread(start_host, **model.settings)
    chat = Chat(api_of(host).http)
    first, second = await chat.say("Hello"), await chat.say("3 + 4?")
    assert (first.json()["answer"], second.json()["answer"]) == ("Hi.", "Seven.")
    messages = model.requests[-1].body["messages"]
    assert [said["role"] for said in messages] == [
        *("system", "user", "assistant", "user", "assistant", "tool", "tool", "assistant", "tool"),
    ]
    assert messages[5]["content"] == "7"
    assert messages[6]["content"].startswith("The arguments of calculate are wrong: expression: Field required")
    read = (await chat.get(chat.path)).json()
    assert [(turn["message"], turn["answer"]) for turn in read["turns"]] == [("Hello", "Hi."), ("3 + 4?", "Seven.")]


async def test_what_is_no_answer_is_a_failure_and_is_not_shown_to_the_model(
    start_host: Any, api_of: Callable[[Any], Any], model: ChatCompletionsServer
) -> None:
    half = Answer(tool_calls=(ToolCall("call_1", "calculate", '{"expression": "1'),), finish_reason="length")
    without_end = Answer(tool_calls=(ToolCall("call_1", "calculate", {"expression": "1"}),))
    bad: dict[str, tuple[Step, ...]] = {
        "empty": (Answer(" "),),
        "cut off": (Answer("Once upon a", finish_reason="length"),),
        "half a call": (half,),
        "no end": (without_end,) * 5,
        "no completion": (Body('{"answer": 42}'),),
        "a page": (Body("<!doctype html>", "text/html"),),
        "no JSON": (MalformedJson(),),
        "denied": (Failure(403, "key sk-1 is wrong"),),
        "busy": (Failure(503, "busy"), Failure(503, "busy")),
    }
    model.script(*(step for steps in bad.values() for step in steps), Answer("Hi."))
    host = await asyncio.to_thread(start_host, **model.settings)
    chat = Chat(api_of(host).http)
    for kind in bad:
        answer = await chat.say(kind)
        assert (answer.status_code, answer.json()["type"]) == (502, "urn:problem:not-answered"), (kind, answer.text)
        assert "Once upon a" not in answer.text
        assert "sk-1" not in answer.text
        assert answer.json()["retryable"] == (kind != "denied")
    assert (await chat.say("Hello")).json()["answer"] == "Hi."
    assert [said["content"] for said in model.requests[-1].body["messages"][1:]] == ["Hello"]
    read = (await chat.get(chat.path)).json()["turns"]
    assert [(turn["message"], turn["status"]) for turn in read] == [
        *((kind, "failed") for kind in bad),
        ("Hello", "answered"),
    ]


async def test_a_repeat_under_a_key_asks_the_model_once(
    start_host: Any, api_of: Callable[[Any], Any], model: ChatCompletionsServer
) -> None:
    model.script(Answer("Hi."), Failure(403, "no"), Answer("Bye."))
    host = await asyncio.to_thread(start_host, **model.settings)
    chat, other = Chat(api_of(host).http), Chat(api_of(host).http, "other")
    at_once = await asyncio.gather(*(chat.say("Hello", "a") for _ in range(5)))
    assert {(answer.status_code, answer.text) for answer in at_once} == {(200, at_once[0].text)}
    reused = await chat.say("Something else", "a")
    assert (reused.status_code, reused.json()["type"]) == (422, "urn:problem:idempotency-key-reused")
    failures = [await chat.say("Well?", "b") for _ in range(2)]
    assert [answer.status_code for answer in failures] == [502, 502]
    assert (await other.say("Hello", "a")).json()["answer"] == "Bye."
    assert len(model.requests) == 3


@pytest.mark.kills
async def test_a_kill_in_the_middle_loses_no_message_and_asks_nothing_again_that_had_ended(
    start_host: Any, api_of: Callable[[Any], Any], model: ChatCompletionsServer
) -> None:
    silence = Silence()
    model.script(Answer("One."), silence, Answer("Two."), Answer("Three."))
    host = await asyncio.to_thread(start_host, **model.settings, AGENT_WAIT_SECONDS="0")
    chat = Chat(api_of(host).http)
    accepted = [await chat.say(message, message) for message in ("first", "second", "third")]
    await asyncio.wait_for(silence.arrived.wait(), 20)
    await asyncio.to_thread(host.restart)
    repeated = [await chat.say(message, message) for message in ("first", "second", "third")]
    answers = [await chat.pick_up(one) for one in accepted]
    assert [answer.json()["answer"] for answer in answers] == ["One.", "Two.", "Three."]
    assert repeated[0].json() == answers[0].json()
    asked = [request.body["messages"][-1]["content"] for request in model.requests]
    # The second was under way when the host was killed.
    assert asked == ["first", "second", "second", "third"]
    contents = [said["content"] for said in model.requests[-1].body["messages"][1:]]
    assert contents == ["first", "One.", "second", "Two.", "third"]


async def test_a_long_conversation_keeps_to_its_room_and_forgets_no_key(
    start_host: Any, api_of: Callable[[Any], Any], model: ChatCompletionsServer
) -> None:
    model.script(*[Answer("\U0001f375" * 3_000)] * 8)
    host = await asyncio.to_thread(start_host, **model.settings)
    chat = Chat(api_of(host).http)
    for number in range(8):
        assert (await chat.say(f"{number}", f"key-{number}")).status_code == 200
    turns = (await chat.get(chat.path)).json()["turns"]
    dropped = [turn["status"] == "dropped" for turn in turns]
    assert len(dropped) == 8
    assert dropped == sorted(dropped, reverse=True)
    assert 0 < sum(dropped) < 8
    assert len(json.dumps(turns)) < 300_000
    assert len(model.requests[-1].body["messages"]) < 16
    again = await chat.say("0", "key-0")
    assert (again.status_code, again.json()["type"]) == (410, "urn:problem:no-longer-kept")
    assert len(model.requests) == 8


@pytest.mark.parametrize("path", ["messages/x", f"messages/{1:010}-{'0' * 32}", f"messages/1-{'0' * 32}"])
async def test_a_made_up_message_is_unknown(path: str, host: Any, api_of: Callable[[Any], Any]) -> None:
    chat = Chat(api_of(host).http)
    answer = await chat.get(f"{chat.path}/{path}")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:problem:unknown-message")
