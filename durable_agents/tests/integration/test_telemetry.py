"""The spans that an app exports over a crash: one for each turn that ran to its end, none for a replay."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from devhost.testing.plugin import StartHost
from durable_agents.testing import Api
from durable_agents.testing.chat_server import Answer, ChatCompletionsServer
from durable_agents.tests.wire.faults import MalformedJson, Silence

APP = Path(__file__).parents[1] / "apps" / "telemetry"


def exported(host: Any, prefix: str) -> list[dict[str, Any]]:
    """Return the spans whose names begin so, in the order in which they ended."""
    lines = (host.outbox / "spans.jsonl").read_text(encoding="utf-8").splitlines()
    return [span for span in map(json.loads, lines) if span["name"].startswith(prefix)]


def test_a_run_on_a_host_has_a_span_for_each_turn(start_host: StartHost) -> None:
    """On the offline model, and so on the Functions host too, which replays by its own rules."""
    host = start_host(app_root=APP)
    with host.client() as http:
        instance_id = Api(http).start("ask_twice", {"topic": "tea"})
        Api(http).finish(instance_id)
    turns = exported(host, "turn ")
    assert [turn["attributes"]["durable_agents.instance_id"] for turn in turns] == [instance_id] * 2
    below = exported(host, "invoke_agent ")
    assert [span["parent_id"] for span in below] == [turn["context"]["span_id"] for turn in turns]


@pytest.mark.kills
async def test_over_a_crash_each_turn_has_one_span(start_host: StartHost, model: ChatCompletionsServer) -> None:
    silence = Silence()
    model.script(Answer("one"), silence, MalformedJson(), Answer("two"))
    host = await asyncio.to_thread(start_host, app_root=APP, **model.settings)
    with host.client() as http:
        instance_id = await asyncio.to_thread(Api(http).start, "ask_twice", {"topic": "tea"})
        await asyncio.wait_for(silence.arrived.wait(), 20)
        # The second turn is lost with the host, and taken anew; the orchestration replays the first.
        await asyncio.to_thread(host.restart)
        output = await asyncio.to_thread(Api(http).finish, instance_id)
        # Nothing is done again for what is over.
        await asyncio.to_thread(host.restart)
        await asyncio.to_thread(Api(http).finish, instance_id)
    turns, below = exported(host, "turn "), exported(host, "invoke_agent ")
    assert output == {"answers": ["one", "two"]}
    seen = [turn["attributes"] for turn in turns]
    assert [(one["durable_agents.outcome"], one["durable_agents.attempts"]) for one in seen] == [
        ("answered", 1),
        ("answered", 2),
    ]
    assert {one["durable_agents.instance_id"] for one in seen} == {instance_id}
    assert len({one["durable_agents.correlation_id"] for one in seen}) == 2
    ids = [turn["context"]["span_id"] for turn in turns]
    assert [span["parent_id"] for span in below] == [ids[0], ids[1], ids[1]]
    assert "tea" not in json.dumps(turns)
