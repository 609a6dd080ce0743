"""A turn that the host has ended in the middle is told to its caller, and its session goes on."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, ToolCall

LOST_APP = Path(__file__).parents[1] / "apps" / "lost"


@pytest.mark.devhost_only("The Functions host restarts the worker of a function that takes too long")
async def test_a_turn_that_the_host_has_ended_is_told_in_its_stream(
    start_host: Any, model: ChatCompletionsServer
) -> None:
    model.script(Answer(tool_calls=(ToolCall("c1", "hold", {}),)))
    host = start_host(LOST_APP, **model.settings)
    async with httpx.AsyncClient(base_url=host.url, timeout=30) as http:
        body = {"message": "Hold.", "session_id": "s-2", "wait_for_response": False}
        accepted = (await http.post("/api/agents/Holder/run", json=body)).json()
        last, began = "", time.monotonic()
        while "event: failed" not in (
            text := (await http.get(accepted["links"]["stream"], headers=last_of(last))).text
        ):
            assert time.monotonic() - began < 50
            last = next((line[4:] for line in reversed(text.splitlines()) if line.startswith("id: ")), last)
        assert '"turn_lost"' in text


def last_of(event_id: str) -> dict[str, str]:
    return {"Last-Event-ID": event_id} if event_id else {}


@pytest.mark.devhost_only("The Functions host restarts the worker of a function that takes too long")
async def test_a_turn_that_the_host_has_ended_is_told_to_its_caller(
    start_host: Any, model: ChatCompletionsServer
) -> None:
    model.script(Answer(tool_calls=(ToolCall("c1", "hold", {}),)))
    host = start_host(LOST_APP, **model.settings)
    async with httpx.AsyncClient(base_url=host.url, timeout=30) as http:
        body = {"message": "Hold.", "session_id": "s-1", "wait_for_response": False}
        accepted = (await http.post("/api/agents/Holder/run", json=body)).json()
        response, began = accepted["links"]["response"], time.monotonic()
        while (answer := await http.get(response)).status_code == 202:
            assert time.monotonic() - began < 30
            await asyncio.sleep(0.2)
        assert (answer.status_code, answer.json()["error_code"]) == (502, "turn_lost")
        assert "retry-after" not in answer.headers, "its tools may have acted"
        await asyncio.sleep(5)
        assert (await http.get(response)).json()["error_code"] == "turn_lost"
