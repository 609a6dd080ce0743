"""Tools that a human approves before they run, over HTTP, with the model at the wire."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.wire.chat_completions_server import Answer, ChatCompletionsServer, ToolCall
from tests.wire.faults import Silence

AGENT = "/api/agents/ShopAssistant"


def refund(order_id: str, amount_cents: Any = 1250, call_id: str = "call_1") -> ToolCall:
    return ToolCall(call_id, "refund_order", {"order_id": order_id, "amount_cents": amount_cents})


class Shop:
    """The app with its model at the server, and one session of the agent that makes refunds."""

    def __init__(self, host: Any) -> None:
        self.host = host
        self.http = httpx.AsyncClient(base_url=host.url, timeout=30)

    async def say(self, message: str, **body: Any) -> httpx.Response:
        return await self.http.post(f"{AGENT}/run", json={"message": message, "session_id": "s1", **body})

    async def ask(self, message: str = "Refund it.") -> tuple[str, list[dict[str, Any]]]:
        """Send a message whose turn waits, and return where its answer will be and what is to be decided."""
        waiting = await self.say(message)
        assert waiting.status_code == 202, waiting.text
        assert waiting.json()["status"] == "waiting_for_approval"
        approvals: list[dict[str, Any]] = waiting.json()["approvals"]
        return waiting.headers["Location"], approvals

    async def decide(self, approval: dict[str, Any], **decision: Any) -> httpx.Response:
        return await self.http.post(approval["links"]["decide"], json=decision)

    async def answer(self, location: str) -> httpx.Response:
        """Return the answer at this place once the turn no longer works."""
        deadline = asyncio.get_running_loop().time() + 20
        while (answer := await self.http.get(location)).json().get("status") == "running":
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.02)
        return answer

    @property
    def receipts(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in (self.host.outbox / "refunds").glob("*.json")]


@pytest.fixture
async def start(start_host: Any, model: ChatCompletionsServer) -> AsyncIterator[Any]:
    shops: list[Shop] = []

    async def start(**settings: str) -> Shop:
        shops.append(Shop(await asyncio.to_thread(start_host, **model.settings, **settings)))
        return shops[-1]

    yield start
    for shop in shops:
        await shop.http.aclose()


@pytest.mark.kills
async def test_an_approved_tool_runs_once_with_what_was_shown(start: Any, model: ChatCompletionsServer) -> None:
    model.script(Answer(tool_calls=(refund("A-17"),)), Answer("Refunded."), Answer("You are welcome."))
    shop = await start()
    location, (approval,) = await shop.ask()
    assert (approval["tool"], approval["decision"]) == ("refund_order", None)
    assert approval["arguments"] == {"order_id": "A-17", "amount_cents": 1250}
    assert (await shop.http.get(location)).json()["approvals"] == [approval]
    assert (await shop.say("Well?")).json()["error_code"] == "approval_pending"
    shop.host.restart()
    assert shop.receipts == []

    decided = await shop.decide(approval, approved=True, reviewer="Ada")
    assert (decided.status_code, decided.headers["Location"]) == (202, location)
    answer = (await shop.answer(location)).json()
    assert (answer["status"], answer["response"]) == ("success", "Refunded.")
    assert answer["usage"]["total_token_count"] == 36
    (shown,) = answer["approvals"]
    assert (shown["decision"]["approved"], shown["decision"]["reviewer"]) == (True, "Ada")
    assert shop.receipts == [{"order_id": "A-17", "amount_cents": 1250}]
    assert (await shop.say("Thanks")).json()["response"] == "You are welcome."
    roles = [message["role"] for message in model.requests[-1].body["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]


async def test_a_rejected_tool_does_not_run_and_the_model_reads_why(start: Any, model: ChatCompletionsServer) -> None:
    model.script(Answer(tool_calls=(refund("A-17"), refund("B-2", 5, "call_2"))), Answer("One of two."))
    shop = await start()
    location, (first, second) = await shop.ask()
    await shop.decide(first, approved=False, feedback="It was delivered.")
    assert (await shop.http.get(location)).json()["status"] == "waiting_for_approval"
    await shop.decide(second, approved=True)
    assert (await shop.answer(location)).json()["response"] == "One of two."
    assert [receipt["order_id"] for receipt in shop.receipts] == ["B-2"]
    told = {m["tool_call_id"]: m["content"] for m in model.requests[-1].body["messages"] if m["role"] == "tool"}
    assert "rejected" in told["call_1"]
    assert "It was delivered." in told["call_1"]
    assert "Refunded 0.05 for order B-2" in told["call_2"]


async def test_of_many_decisions_one_counts_and_all_learn_which(start: Any, model: ChatCompletionsServer) -> None:
    model.script(Answer(tool_calls=(refund("A-17"),)), Answer("Done."))
    shop = await start()
    location, (approval,) = await shop.ask()
    answers = await asyncio.gather(
        *(shop.decide(approval, approved=number % 2 == 0, reviewer=f"reviewer {number}") for number in range(20))
    )
    taken = [a.json().get("approval", a.json())["decision"] for a in answers]
    assert len({decision["reviewer"] for decision in taken}) == 1
    approved = taken[0]["approved"]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [202 if (number % 2 == 0) is approved else 409 for number in range(20)]
    assert (await shop.answer(location)).json()["approvals"][0]["decision"] == taken[0]
    assert len(shop.receipts) == (1 if approved else 0)

    again = await shop.decide(approval, approved=approved, reviewer="late")
    assert (again.status_code, again.json()["decision"]) == (202, taken[0])
    other = await shop.decide(approval, approved=not approved)
    assert (other.status_code, other.json()["type"]) == (409, "urn:problem:already-decided")


async def test_a_decision_that_comes_too_late_is_told_so(start: Any, model: ChatCompletionsServer) -> None:
    model.script(Answer(tool_calls=(refund("A-17"),)), Answer("Hello."))
    shop = await start(TOOL_APPROVAL_HOURS="0.0005")
    location, (approval,) = await shop.ask()
    await asyncio.sleep(2)
    late = await shop.decide(approval, approved=True)
    assert (late.status_code, late.json()["type"]) == (409, "urn:problem:approval-expired")
    for _ in range(2):
        expired = await shop.http.get(location)
        assert (expired.status_code, expired.json()["error_code"]) == (410, "approval_expired")
        if model.unused_steps:
            assert (await shop.say("Hello?")).json()["response"] == "Hello."
    late = await shop.decide(approval, approved=True)
    assert (late.status_code, late.json()["approval"]["decision"]) == (409, None)
    assert shop.receipts == []


async def test_a_decision_that_names_nothing_is_refused(start: Any, model: ChatCompletionsServer) -> None:
    model.script(Answer(tool_calls=(refund("A-17"),)))
    shop = await start()
    _, (approval,) = await shop.ask()
    path = approval["links"]["decide"]
    for other in ("0" * 32, "x", approval["request_id"].upper()):
        response = await shop.http.post(path.replace(approval["request_id"], other), json={"approved": True})
        assert (response.status_code, response.json()["type"]) == (404, "urn:problem:unknown-approval")
    foreign = await shop.http.post(path.replace("/s1/", "/s2/"), json={"approved": True})
    assert foreign.status_code == 404
    for body in ({}, {"approved": "yes"}, {"approved": True, "who": "Ada"}, {"approved": True, "reviewer": "x" * 201}):
        response = await shop.http.post(path, json=body)
        assert (response.status_code, response.json()["type"]) == (400, "urn:problem:invalid-body")


@pytest.mark.kills
async def test_a_crash_after_the_decision_leaves_one_refund_and_one_turn(
    start: Any, model: ChatCompletionsServer
) -> None:
    silence = Silence()
    # The tool has run, and the model is about to answer, when the host is killed.
    model.script(Answer(tool_calls=(refund("A-17"),)), silence, Answer("Refunded."), Answer("Next."))
    shop = await start()
    location, (approval,) = await shop.ask()
    assert (await shop.decide(approval, approved=True, reviewer="Ada")).status_code == 202
    await asyncio.wait_for(silence.arrived.wait(), 20)
    assert len(shop.receipts) == 1
    shop.host.restart()
    answer = (await shop.answer(location)).json()
    assert (answer["response"], answer["message_count"]) == ("Refunded.", 2)
    assert [request["decision"]["reviewer"] for request in answer["approvals"]] == ["Ada"]
    assert shop.receipts == [{"order_id": "A-17", "amount_cents": 1250}]
    assert (await shop.say("And?")).json()["message_count"] == 4


@pytest.mark.kills
async def test_kills_around_a_decision_lose_and_repeat_nothing(start: Any, model: ChatCompletionsServer) -> None:
    shop = await start()
    for number in range(5):
        model.script(Answer(tool_calls=(refund(f"K-{number}"),)), *[Answer("Refunded.")] * 2)
        location, (approval,) = await shop.ask()
        deciding = asyncio.create_task(shop.decide(approval, approved=True))
        await asyncio.sleep(0.004 * number)
        await asyncio.to_thread(shop.host.restart)
        try:
            await deciding
        except httpx.TransportError:
            # Nobody told the reviewer whether it arrived, so they send it again.
            assert (await shop.decide(approval, approved=True)).status_code == 202
        answer = (await shop.answer(location)).json()
        assert (answer["status"], answer["message_count"]) == ("success", 2 * number + 2)
        model.forget()
    assert sorted(receipt["order_id"] for receipt in shop.receipts) == [f"K-{number}" for number in range(5)]


async def test_a_session_shows_the_turn_that_waits_until_it_is_reset(start: Any, model: ChatCompletionsServer) -> None:
    shop = await start()
    model.script(Answer(tool_calls=(refund("A-17"),)), Answer("Hello again."))
    _, approvals = await shop.ask("Refund it.")
    (turn,) = (await shop.http.get(f"{AGENT}/sessions/s1")).json()["turns"]
    assert (turn["message"], turn["status"], turn["response"]) == ("Refund it.", "waiting_for_approval", None)
    assert turn["usage"]["total_token_count"] > 0
    reset = await shop.http.post(f"{AGENT}/sessions/s1/reset")
    assert (reset.status_code, reset.json()["turns"]) == (200, [])
    assert (await shop.decide(approvals[0], approved=True)).status_code in (404, 409)
    assert (await shop.say("Hello")).json()["response"] == "Hello again."
    assert shop.receipts == []
