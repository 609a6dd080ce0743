import json
from typing import Any

import azure.durable_functions as df
import httpx2
import openai
import pytest

from durable_agents import OpenAIModel, create_openai_client
from durable_agents.settings.groups import OfflineSettings
from entities.chat_session import chat_session, read_turns


def completion(finish_reason: str = "stop", **message: Any) -> httpx2.Response:
    """Return what the service answers."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    kind = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
    return httpx2.Response(200, json={**kind, "choices": [choice]})


def calls(name: str, arguments: str) -> httpx2.Response:
    function = {"name": name, "arguments": arguments}
    return completion("tool_calls", tool_calls=[{"id": "c", "type": "function", "function": function}])


class Session:
    """One session: its entity, with a model that answers as the test says."""

    def __init__(self, *answers: httpx2.Response) -> None:
        self.state: Any = None
        self.asked: list[dict[str, Any]] = []
        left = list(answers)

        def respond(request: httpx2.Request) -> httpx2.Response:
            self.asked.append(json.loads(request.read()))
            return left.pop(0)

        http = httpx2.Client(transport=httpx2.MockTransport(respond))
        client = openai.OpenAI(api_key="k", base_url="http://model.invalid/v1", http_client=http, max_retries=0)
        self.model = OpenAIModel(client, "m")

    def say(self, message: Any, message_id: str = "1", operation: str = "message") -> dict[str, Any]:
        """Have the entity take a message, as the host does, and return how that went."""
        # The input is JSON text in JSON, as the client of the SDK sends it.
        sent = json.dumps(json.dumps({"message_id": message_id, "message": message}))
        request = {
            "self": {"name": "chat_session", "key": "s"},
            "exists": self.state is not None,
            "state": None if self.state is None else json.dumps(self.state),
            "batch": [{"name": operation, "isSignal": True, "input": sent}],
        }
        entity = df.Entity.create(lambda context: chat_session(context, connect=lambda: self.model))
        answer = json.loads(entity(json.dumps(request)))
        self.state = json.loads(answer["entityState"]) if answer["entityExists"] else None
        result: dict[str, Any] = answer["results"][0]
        return result

    @property
    def last(self) -> Any:
        return read_turns(self.state)[-1]

    def told(self, number: int) -> list[tuple[str, str]]:
        """Return what the model was asked in this call, without its instructions."""
        return [(said["role"], said.get("content", "")) for said in self.asked[number]["messages"][1:]]


def test_a_conversation_goes_on() -> None:
    session = Session(completion(content="Hi."), completion(content="Bye."))
    session.say("Hello", "1")
    session.say("Go", "2")
    assert [(turn.message, turn.answer, turn.status) for turn in read_turns(session.state)] == [
        ("Hello", "Hi.", "answered"),
        ("Go", "Bye.", "answered"),
    ]
    assert session.told(1) == [("user", "Hello"), ("assistant", "Hi."), ("user", "Go")]
    assert session.asked[0]["model"] == "m"
    assert [tool["function"]["name"] for tool in session.asked[0]["tools"]] == [
        "search_library",
        "count_words",
        "calculate",
    ]


def test_a_message_is_taken_once() -> None:
    session = Session(completion(content="Hi."))
    for message in ("Hello", "Hello", "Something else"):
        session.say(message, "1")
    assert (len(session.asked), len(session.state)) == (1, 1)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (("calculate", '{"expression": "3 + 4"}'), "7"),
        (("calculate", ""), "The arguments of calculate are wrong: expression: Field required. Correct the call."),
        (("calculate", '{"expression": '), "The arguments are no JSON object. Correct the call."),
        (("calculate", "[1]"), "The arguments are no JSON object. Correct the call."),
        (("ask_human", "{}"), "There is no tool 'ask_human'. Known: search_library, count_words, calculate."),
    ],
)
def test_tools_are_used_and_mistakes_are_told(call: tuple[str, str], told: str) -> None:
    session = Session(calls(*call), completion(content="Well."))
    session.say("What is 3 + 4?")
    assert session.told(1)[-1] == ("tool", told)
    assert session.last.answer == "Well."


def test_tools_without_end_are_a_failure() -> None:
    session = Session(*(calls("calculate", '{"expression": "1"}') for _ in range(5)))
    session.say("Go")
    assert (session.last.status, session.last.error_code) == ("failed", "invalid_answer")
    assert [asked["tool_choice"] for asked in session.asked] == ["auto"] * 4 + ["none"]


@pytest.mark.parametrize(
    ("bad", "code", "retryable"),
    [
        (completion(content=" "), "invalid_answer", True),
        (completion(content=None), "invalid_answer", True),
        (completion("length", content="Once upon a"), "invalid_answer", True),
        (httpx2.Response(200, json={"id": "1", "choices": []}), "invalid_answer", True),
        (httpx2.Response(200, text="<!doctype html>", headers={"content-type": "text/html"}), "invalid_answer", True),
        (httpx2.Response(200, text='{"id":', headers={"content-type": "application/json"}), "invalid_answer", True),
        (httpx2.Response(403, json={"error": {"message": "key sk-1"}}), "provider_denied", False),
        (httpx2.Response(429, json={"error": {"message": "slow"}}), "rate_limited", True),
    ],
)
def test_what_is_no_answer_is_kept_as_a_failure_and_the_model_never_sees_it(
    bad: httpx2.Response, code: str, retryable: bool
) -> None:
    session = Session(bad, completion(content="Hi."))
    session.say("First", "1")
    assert (session.last.status, session.last.answer) == ("failed", None)
    assert (session.last.error_code, session.last.retryable) == (code, retryable)
    assert "sk-1" not in json.dumps(session.state)
    session.say("Second", "2")
    assert session.told(1) == [("user", "Second")]


def test_what_is_deleted_leaves_nothing() -> None:
    session = Session(completion(content="Hi."), completion(content="Again."))
    session.say("Hello")
    assert not session.say("", operation="delete")["isError"]
    assert session.state is None
    session.say("Hello", "2")
    assert session.told(1) == [("user", "Hello")]


@pytest.mark.parametrize(("message", "operation"), [("", "message"), (" ", "message"), (7, "message"), ("Hi", "reset")])
def test_what_is_no_message_changes_nothing(message: Any, operation: str) -> None:
    session = Session()
    assert session.say(message, operation=operation)["isError"]
    assert session.state is None


def test_the_state_stays_in_its_room_and_remembers_what_it_has_taken() -> None:
    answer = "\N{TEACUP WITHOUT HANDLE}" * 5_000
    session = Session(*(completion(content=answer) for _ in range(12)))
    for number in range(12):
        session.say("Tea?", str(number))
    assert len(json.dumps(session.state)) < 250_000
    turns = read_turns(session.state)
    assert [turn.message_id for turn in turns] == [str(number) for number in range(12)]
    assert {turn.status for turn in turns[:6]} == {"dropped"}
    assert (turns[-1].answer, turns[0].answer, turns[0].message) == (answer, None, "")
    session.say("Tea?", "0")
    assert len(session.asked) == 12


def test_it_works_with_the_offline_model() -> None:
    session = Session()
    session.model = create_openai_client(OfflineSettings())
    session.say('Calculate "3 + 4"')
    assert 'a tool answered: "7"' in session.last.answer
