import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from durable_agents.testing.chat_server import Answer, ChatCompletionsServer
from durable_agents.tests.wire.faults import Silence

EMAIL = {"email": {"sender": "ada@example.com", "subject": "Order 7", "body": "Where is my order?"}}


@pytest.mark.kills
def test_an_approval_outlives_the_host(start_host: Any, api_of: Any) -> None:
    host = start_host()
    instance_id = api_of(host).start("content_approval", {"topic": "tea"})
    request_id = api_of(host).draft(instance_id)["request_id"]
    host.kill()
    host.start()
    api = api_of(host)
    assert api.draft(instance_id)["request_id"] == request_id
    assert api.decide(instance_id, request_id, approved=True).status_code == 200
    output = api.finish(instance_id)
    assert output["outcome"] == "published"
    assert [str(path) for path in host.published.iterdir()] == [output["publication"]["location"]]
    assert len(list((host.outbox / "reviews").glob("*.json"))) == 1


@pytest.mark.kills
def test_a_decision_that_was_accepted_is_not_lost(start_host: Any, api_of: Any) -> None:
    host = start_host()
    instance_id = api_of(host).start("content_approval", {"topic": "tea"})
    request_id = api_of(host).draft(instance_id)["request_id"]
    assert api_of(host).decide(instance_id, request_id, approved=True).status_code == 200
    host.restart()
    assert api_of(host).finish(instance_id)["outcome"] == "published"
    assert len(list(host.published.glob("*.md"))) == 1


@pytest.mark.kills
async def test_a_kill_between_the_two_agents_of_a_triage_pays_for_the_verdict_once(
    start_host: Any, api_of: Any, model: ChatCompletionsServer
) -> None:
    verdict = {"is_spam": False, "confidence": 0.9, "reason": "an order"}
    reply = {"subject": "Re: Order 7", "body": "On its way."}
    silence = Silence()
    model.script(Answer(json.dumps(verdict)), silence, Answer(json.dumps(reply)))
    host = await asyncio.to_thread(start_host, **model.settings)
    instance_id = await asyncio.to_thread(api_of(host).start, "email_triage", EMAIL)
    await asyncio.wait_for(silence.arrived.wait(), 20)
    await asyncio.to_thread(host.restart)
    output = await asyncio.to_thread(api_of(host).finish, instance_id)

    asked_for = [request.body["response_format"]["json_schema"]["name"] for request in model.requests]
    assert asked_for == ["SpamVerdict", "EmailReply", "EmailReply"]
    assert (output["outcome"], output["reply"]) == ("replied", reply)
    assert [str(path) for path in host.outbox.iterdir()] == [output["receipt"]["location"]]


@pytest.mark.kills
def test_kills_at_any_moment_lose_no_email(start_host: Any, api_of: Any) -> None:
    host = start_host(OFFLINE_MODEL_LATENCY_SECONDS="0.2")
    started = [api_of(host).start("email_triage", EMAIL) for _ in range(8)]
    for _ in range(3):
        time.sleep(0.3)
        host.restart()
    api = api_of(host)
    receipts = [Path(api.finish(instance_id)["receipt"]["location"]) for instance_id in started]
    assert sorted(host.outbox.glob("*.eml")) == sorted(receipts)
    assert len(set(receipts)) == len(started)
