"""An agent starts an orchestration and asks how it is, over HTTP, with the model at the wire."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiohttp import web

from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, ChatRequest, Step, ToolCall
from durable_agents.tests.wire.faults import Silence

MOST_REQUESTS = 20


class Desk:
    """Answers the writer of a run with a draft, and the editor with its next step, in whatever order they ask."""

    def __init__(self, *editor: Step) -> None:
        self.editor = deque(editor)
        self.told: list[dict[str, Any]] = []
        self.results: list[str] = []

    async def respond(self, http: web.Request, request: ChatRequest) -> web.StreamResponse:
        if "response_format" in request.body:
            return await Answer(json.dumps({"title": "Tea", "content": "A drink."})).respond(http, request)
        messages = request.body["messages"]
        if messages[-1]["content"].startswith("[From the app"):
            self.results.append(messages[-1]["content"])
            return await Answer("It is over.").respond(http, request)
        if messages[-1]["role"] == "tool":
            self.told.append(json.loads(messages[-1]["content"]))
        return await self.editor.popleft().respond(http, request)


def call(tool: str, **arguments: Any) -> Answer:
    return Answer(tool_calls=(ToolCall("call_1", f"{tool}_content_approval", arguments),))


class Newsroom:
    """The app with its model at the desk."""

    def __init__(self, host: Any) -> None:
        self.host = host
        self.http = httpx.AsyncClient(base_url=host.url, timeout=30)

    async def say(self, message: str, session: str = "s1") -> httpx.Response:
        return await self.http.post("/api/agents/Editor/run", json={"message": message, "session_id": session})

    async def wait(self, run_id: str, stage: str | None) -> dict[str, Any]:
        """Return the run when it is at this stage; None is its end."""
        deadline = asyncio.get_running_loop().time() + 20
        while (run := (await self.http.get(f"/api/runs/{run_id}")).json()).get("stage") != stage:
            assert asyncio.get_running_loop().time() < deadline, run
            await asyncio.sleep(0.02)
        return dict(run)

    async def approve(self, run: dict[str, Any]) -> None:
        body = {"approved": True, "request_id": run["waiting_for"]["request_id"]}
        assert (await self.http.post(run["links"]["approval"], json=body)).status_code == 200


@pytest.fixture
async def start(start_host: Any) -> AsyncIterator[Any]:
    rooms: list[Newsroom] = []
    async with ChatCompletionsServer() as model:

        async def start(desk: Desk, **settings: str) -> Newsroom:
            model.script(*[desk] * MOST_REQUESTS)
            rooms.append(Newsroom(await asyncio.to_thread(start_host, **model.settings, **settings)))
            return rooms[-1]

        yield start
        for room in rooms:
            await room.http.aclose()
            await asyncio.to_thread(room.host.kill)


async def test_an_agent_starts_a_run_and_reports_its_progress(start: Any) -> None:
    desk = Desk(call("start", topic="tea"), Answer("Started."))
    room = await start(desk)
    assert (await room.say("An article about tea.")).json()["response"] == "Started."
    (started,) = desk.told
    assert started["status"] == "started"
    run = await room.wait(started["run_id"], "waiting_for_approval")
    defaults = {"approval_timeout_hours": 24.0, "max_revisions": 3, "required_approvals": 1}
    assert {"topic": "tea", **defaults}.items() <= run["input"].items()

    desk.editor += [call("check", run_id=started["run_id"]), Answer("It waits for a human.")]
    await room.say("How is it?")
    assert (desk.told[-1]["runtime_status"], desk.told[-1]["waiting_for"]["title"]) == ("Running", "Tea")

    desk.editor += [call("check", run_id=started["run_id"]), Answer("I know of none.")]
    await room.say("How is that article?", session="s2")
    assert list(desk.told[-1]) == ["error"]

    await room.approve(run)
    await room.wait(started["run_id"], None)
    desk.editor += [call("check", run_id=started["run_id"]), Answer("It is published.")]
    await room.say("And now?")
    assert (desk.told[-1]["runtime_status"], desk.told[-1]["output"]["outcome"]) == ("Completed", "published")
    (result,) = desk.results
    assert '"outcome": "published"' in result
    assert len(list(room.host.published.glob("*.md"))) == 1


async def test_an_agent_sees_no_other_runs(start: Any) -> None:
    desk = Desk()
    room = await start(desk)
    for run_id in ("x?op=reset&", "../instances", "", "@dafx-editor@s1", "content_approval-" + "0" * 32):
        desk.editor += [call("check", run_id=run_id), Answer("I know of none.")]
        assert (await room.say("How is it?")).status_code == 200
        assert list(desk.told[-1]) == ["error"], run_id
    assert len(desk.told) == 5


async def test_what_does_not_fit_the_input_is_told_to_the_model(start: Any) -> None:
    desk = Desk(call("start", topic="x" * 5_000), call("start", topic="tea"), Answer("Started."))
    room = await start(desk)
    assert (await room.say("An article.")).status_code == 200
    assert "topic: String should have at most 4000 characters" in desk.told[0]["error"]
    assert desk.told[1]["status"] == "started"


@pytest.mark.kills
@pytest.mark.parametrize("ended", [False, True])
async def test_a_turn_that_a_crash_repeats_has_started_one_run(start: Any, ended: bool) -> None:
    silence = Silence()
    desk = Desk(call("start", topic="tea"), silence)
    room = await start(desk, AGENT_WAIT_SECONDS="0.1")
    location = (await room.say("An article about tea.")).headers["Location"]
    await asyncio.wait_for(silence.arrived.wait(), 20)
    run_id = desk.told[0]["run_id"]
    run = await room.wait(run_id, "waiting_for_approval")
    if ended:
        await room.approve(run)
        run = await room.wait(run_id, None)
    desk.editor += [call("start", topic="tea"), Answer("Started.")]
    await asyncio.to_thread(room.host.restart)
    deadline = asyncio.get_running_loop().time() + 20
    while (answer := await room.http.get(location)).status_code == 202:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)
    assert (answer.json()["response"], answer.json()["message_count"]) == ("Started.", 2)
    assert desk.told[1] == desk.told[0]
    assert (await room.wait(run_id, run["stage"]))["created_at"] == run["created_at"]
    assert len(list((room.host.outbox / "reviews").glob("*.json"))) == 1
