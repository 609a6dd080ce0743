"""An agent's turn has a figure if the agent answered."""

import json
from http import HTTPStatus

import httpx
import pytest

from devhost.bench.agent_answers import check_answer
from devhost.bench.outcomes import WrongOutcomeError
from devhost.bench.peers.devhost_agent import check_session


def entry(kind: str, turn: int, text: str) -> dict[str, object]:
    return {"$type": kind, "correlationId": str(turn), "messages": [{"contents": [{"$type": "text", "text": text}]}]}


def session(turns: int, answer: str = "Good day to you.") -> str:
    history = []
    for turn in range(1, turns + 1):
        said = answer if turn == turns else "Good day to you."
        history += [entry("request", turn, f"This is message number {turn}."), entry("response", turn, said)]
    return json.dumps({"data": {"conversationHistory": history}})


def test_a_session_with_all_messages_and_answers_is_right() -> None:
    check_session(session(2), 2)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (None, "0 entries after turn 2, expected 4"),
        (session(1), "2 entries after turn 2, expected 4"),
        (session(3), "6 entries after turn 2, expected 4"),
        (session(2, "An error."), "Turn 2 of a session is"),
    ],
)
def test_any_other_session_is_refused(state: str | None, sentence: str) -> None:
    with pytest.raises(WrongOutcomeError, match=sentence):
        check_session(state, 2)


def test_an_answer_over_http_is_right() -> None:
    right = {"status": "success", "session_id": "s", "response": "Soon."}
    check_answer(httpx.Response(HTTPStatus.OK, json=right), "s")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(HTTPStatus.ACCEPTED, json={"status": "accepted", "session_id": "s", "response": "at work"}),
        httpx.Response(HTTPStatus.BAD_GATEWAY, json={"status": "failed"}),
        httpx.Response(HTTPStatus.OK, json={"status": "success", "session_id": "s", "response": ""}),
        httpx.Response(HTTPStatus.OK, json={"status": "success", "session_id": "t", "response": "Soon."}),
    ],
)
def test_any_other_answer_is_refused(answer: httpx.Response) -> None:
    with pytest.raises(WrongOutcomeError, match=f"The agent answered {answer.status_code}"):
        check_answer(answer, "s")
