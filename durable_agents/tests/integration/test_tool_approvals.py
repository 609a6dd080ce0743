"""Tools that a human approves before they run, over HTTP, with the model at the wire."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, ToolCall
from durable_agents.tests.wire.faults import Silence

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

    async def asked(self, approval: dict[str, Any]) -> dict[str, Any]:
        """Return what reviewers are asked about this call, as they find it."""
        deadline = asyncio.get_running_loop().time() + 20
        while True:
            entries = (await self.http.get("/api/approvals")).json()["approvals"]
            calls = [entry for entry in entries if entry["orchestration"] == "tool_approval"]
            found = [call for call in calls if json.loads(call["preview"]) == approval["arguments"]]
            if found:
                return dict(found[0])
            assert asyncio.get_running_loop().time() < deadline, entries
            await asyncio.sleep(0.02)

    async def decide(self, asked: dict[str, Any], **decision: Any) -> httpx.Response:
        return await self.http.post(asked["links"]["decide"], json={"request_id": asked["request_id"], **decision})

    async def token(self, asked: dict[str, Any]) -> str:
        """Return the secret of the link that the reviewer of this call was sent."""
        deadline = asyncio.get_running_loop().time() + 20
        sent = self.host.outbox / "reviews" / f"{asked['instance_id']}-{asked['request_id']}.json"
        while not sent.exists():
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.02)
        (link,) = json.loads(sent.read_text(encoding="utf-8"))["links"]
        return str(link["url"].partition("#")[2])

    async def answer(self, location: str) -> httpx.Response:
        """Return the answer at this place once the turn no longer works or waits."""
        deadline = asyncio.get_running_loop().time() + 20
        busy = ("running", "waiting_for_approval")
        while (answer := await self.http.get(location)).json().get("status") in busy:
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
    assert "links" not in approval
    assert (await shop.http.get(location)).json()["approvals"] == [approval]
    asked = await shop.asked(approval)
    assert (await shop.say("Well?")).json()["error_code"] == "approval_pending"
    shop.host.restart()
    assert shop.receipts == []

    decided = await shop.decide(asked, approved=True, reviewer="Ada")
    assert (decided.status_code, decided.json()["status"]) == (200, "decided")
    answer = (await shop.answer(location)).json()
    assert (answer["status"], answer["response"]) == ("success", "Refunded.")
    assert answer["usage"]["total_token_count"] == 36
    (shown,) = answer["approvals"]
    assert (shown["decision"]["approved"], shown["decision"]["reviewer"]) == (True, "Ada")
    assert shop.receipts == [{"order_id": "A-17", "amount_cents": 1250}]
    assert (await shop.say("Thanks")).json()["response"] == "You are welcome."
    roles = [message["role"] for message in model.requests[-1].body["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]


async def test_who_asks_for_a_call_is_told_nothing_to_approve_it_with(start: Any, model: ChatCompletionsServer) -> None:
    model.script(Answer(tool_calls=(refund("A-17"),)), Answer("Refunded."))
    shop = await start()
    waiting = await shop.say("Refund it.")
    asked = await shop.asked(waiting.json()["approvals"][0])
    token = await shop.token(asked)
    told = waiting.text + str(waiting.headers) + (await shop.http.get(waiting.headers["Location"])).text
    told += (await shop.http.get(f"{AGENT}/sessions/s1")).text
    for secret in (token, asked["request_id"], asked["instance_id"], asked["links"]["decide"]):
        assert secret not in told

    shown = (await shop.http.post("/api/review", json={"token": token})).json()
    assert shown["draft"]["title"] == ["ShopAssistant wants to call refund_order"]
    assert json.loads("".join(shown["draft"]["content"])) == {"order_id": "A-17", "amount_cents": 1250}
    decided = await shop.http.post("/api/review/decision", json={"token": token, "approved": True})
    assert (decided.status_code, decided.json()["decision"]["channel"]) == (200, "link")
    assert (await shop.answer(waiting.headers["Location"])).json()["response"] == "Refunded."
    assert shop.receipts == [{"order_id": "A-17", "amount_cents": 1250}]
    assert token not in shop.host.output()


async def test_only_those_who_are_asked_approve_and_no_caller_starts_a_request(
    start: Any, model: ChatCompletionsServer
) -> None:
    model.script(Answer(tool_calls=(refund("A-17"),)), Answer("Refunded."))
    shop = await start(REVIEWERS="ada,bob", REQUIRED_APPROVALS="2")
    location, (approval,) = await shop.ask()
    asked = await shop.asked(approval)
    body = {"agent": "ShopAssistant", "session_id": "s1", **approval, "arguments": {"amount_cents": 1}}
    assert (await shop.http.post("/api/runs/tool_approval", json=body)).status_code == 404
    for reviewer in (None, "customer"):
        assert (await shop.decide(asked, approved=True, reviewer=reviewer)).status_code == 403
    assert (await shop.decide(asked, approved=True, reviewer="ada")).json()["status"] == "counted"
    assert (await shop.decide(asked, approved=True, reviewer="Ada")).json()["status"] == "counted"
    assert shop.receipts == []
    assert (await shop.decide(asked, approved=True, reviewer="bob")).json()["status"] == "decided"
    assert (await shop.answer(location)).json()["response"] == "Refunded."
    restarted = await shop.http.post(f"/api/runs/{asked['instance_id']}/restart")
    assert restarted.status_code == 409


async def test_a_rejected_tool_does_not_run_and_the_model_reads_why(start: Any, model: ChatCompletionsServer) -> None:
    model.script(Answer(tool_calls=(refund("A-17"), refund("B-2", 5, "call_2"))), Answer("One of two."))
    shop = await start()
    location, (first, second) = await shop.ask()
    await shop.decide(await shop.asked(first), approved=False, feedback="It was delivered.")
    assert (await shop.http.get(location)).json()["status"] == "waiting_for_approval"
    await shop.decide(await shop.asked(second), approved=True)
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
    asked = await shop.asked(approval)
    answers = await asyncio.gather(
        *(shop.decide(asked, approved=number % 2 == 0, reviewer=f"reviewer {number}") for number in range(20))
    )
    taken = [answer.json()["decision"] for answer in answers]
    assert len({decision["reviewer"] for decision in taken}) == 1
    approved = taken[0]["approved"]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [200 if (number % 2 == 0) is approved else 409 for number in range(20)]
    (shown,) = (await shop.answer(location)).json()["approvals"]
    assert {name: shown["decision"][name] for name in ("approved", "reviewer")}.items() <= taken[0].items()
    assert len(shop.receipts) == (1 if approved else 0)

    again = await shop.decide(asked, approved=approved, reviewer="late")
    assert (again.status_code, again.json()["decision"]) == (200, taken[0])
    other = await shop.decide(asked, approved=not approved)
    assert (other.status_code, other.json()["type"]) == (409, "urn:problem:already-decided")


async def test_a_decision_that_comes_too_late_is_told_so(start: Any, model: ChatCompletionsServer) -> None:
    model.script(Answer(tool_calls=(refund("A-17"),)), Answer("Hello."))
    shop = await start(TOOL_APPROVAL_HOURS=str(2 / 3600))
    location, (approval,) = await shop.ask()
    asked = await shop.asked(approval)
    await asyncio.sleep(2.2)
    late = await shop.decide(asked, approved=True)
    # The run notices when its timer fires, which is a second after the deadline.
    assert late.status_code == 409
    assert late.json()["type"] in ("urn:problem:request-expired", "urn:problem:run-is-over")
    for _ in range(2):
        expired = await shop.answer(location)
        assert (expired.status_code, expired.json()["error_code"]) == (410, "approval_expired")
        if model.unused_steps:
            assert (await shop.say("Hello?")).json()["response"] == "Hello."
    assert (await shop.http.get(f"/api/runs/{asked['instance_id']}")).json()["output"]["outcome"] == "expired"
    assert shop.receipts == []


@pytest.mark.kills
async def test_a_crash_after_the_decision_leaves_one_refund_and_one_turn(
    start: Any, model: ChatCompletionsServer
) -> None:
    silence = Silence()
    # The tool has run, and the model is about to answer, when the host is killed.
    model.script(Answer(tool_calls=(refund("A-17"),)), silence, Answer("Refunded."), Answer("Next."))
    shop = await start()
    location, (approval,) = await shop.ask()
    assert (await shop.decide(await shop.asked(approval), approved=True, reviewer="Ada")).status_code == 200
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
        asked = await shop.asked(approval)
        deciding = asyncio.create_task(shop.decide(asked, approved=True))
        await asyncio.sleep(0.004 * number)
        await asyncio.to_thread(shop.host.restart)
        try:
            await deciding
        except httpx.TransportError:
            # Nobody told the reviewer whether it arrived, so they send it again.
            assert (await shop.decide(asked, approved=True)).status_code == 200
        answer = (await shop.answer(location)).json()
        assert (answer["status"], answer["message_count"]) == ("success", 2 * number + 2)
        model.forget()
    assert sorted(receipt["order_id"] for receipt in shop.receipts) == [f"K-{number}" for number in range(5)]


@pytest.mark.parametrize(
    "delay", [0.0, 0.03, *(pytest.param(delay, marks=pytest.mark.thorough) for delay in (0.01, 0.1))]
)
async def test_a_kill_before_reviewers_are_asked_asks_them_once(
    start: Any, model: ChatCompletionsServer, delay: float
) -> None:
    model.script(*[Answer(tool_calls=(refund("A-17"),))] * 3)
    shop = await start()
    body = {"message": "Refund it.", "session_id": "s1", "wait_for_response": False}
    location = (await shop.http.post(f"{AGENT}/run", json=body)).headers["Location"]
    await asyncio.sleep(delay)
    await asyncio.to_thread(shop.host.restart)
    while "approvals" not in (waiting := (await shop.http.get(location)).json()):
        await asyncio.sleep(0.02)
    asked = await shop.asked(waiting["approvals"][0])
    assert await shop.token(asked)
    listed = (await shop.http.get("/api/runs?orchestration=tool_approval")).json()["runs"]
    assert [run["instance_id"] for run in listed] == [asked["instance_id"]]
    model.forget()


async def test_the_same_call_in_a_session_made_anew_is_asked_anew(start: Any, model: ChatCompletionsServer) -> None:
    model.script(*[Answer(tool_calls=(refund("A-17"),))] * 2)
    shop = await start()
    asked = []
    for _ in range(2):
        _, (approval,) = await shop.ask()
        asked.append(await shop.asked(approval))
        await shop.http.delete(f"{AGENT}/sessions/s1")
        while (await shop.http.get(f"/api/runs/{asked[-1]['instance_id']}")).json()["runtime_status"] == "Running":
            await asyncio.sleep(0.02)
    assert asked[0]["instance_id"] != asked[1]["instance_id"]


async def test_a_session_shows_the_turn_that_waits_until_it_is_reset(start: Any, model: ChatCompletionsServer) -> None:
    shop = await start()
    model.script(Answer(tool_calls=(refund("A-17"),)), Answer("Hello again."))
    _, (approval,) = await shop.ask("Refund it.")
    asked = await shop.asked(approval)
    (turn,) = (await shop.http.get(f"{AGENT}/sessions/s1")).json()["turns"]
    assert (turn["message"], turn["status"], turn["response"]) == ("Refund it.", "waiting_for_approval", None)
    assert turn["usage"]["total_token_count"] > 0
    reset = await shop.http.post(f"{AGENT}/sessions/s1/reset")
    assert (reset.status_code, reset.json()["turns"]) == (200, [])
    refused = await shop.decide(asked, approved=True)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:problem:run-is-over")
    assert (await shop.http.get("/api/approvals")).json()["approvals"] == []
    assert (await shop.say("Hello")).json()["response"] == "Hello again."
    assert shop.receipts == []
