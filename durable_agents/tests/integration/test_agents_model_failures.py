"""What callers see when the model's provider fails, over HTTP, with a provider that fails on purpose."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from devhost.testing.host_process import HostProcess
from devhost.testing.plugin import NewHost
from devhost.testing.ports import free_port
from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, Failure, ToolCall
from durable_agents.tests.wire.faults import Body, BrokenStream, EndedStream, MalformedJson, Slow, StalledStream

RUN = "/api/agents/Writer/run"
# The provider's library tries every request three times by itself.
REQUESTS_OF_AN_ATTEMPT = 3
Hosts = Callable[[dict[str, str]], HostProcess]


class App:
    """The app with its model at the server."""

    def __init__(self, host: HostProcess) -> None:
        self.host = host
        self.session = uuid4().hex
        self.http = httpx.AsyncClient(base_url=host.url, timeout=30)

    async def run(self, message: str, agent: str = "Writer", **body: Any) -> httpx.Response:
        content = {"message": message, "session_id": self.session, **body}
        return await self.http.post(f"/api/agents/{agent}/run", json=content)

    async def pick_up(self, accepted: httpx.Response) -> httpx.Response:
        """Return the answer of an accepted run when it is there."""
        deadline = asyncio.get_running_loop().time() + 20
        while (answer := await self.http.get(accepted.headers["Location"])).status_code == 202:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.02)
        return answer


@pytest.fixture(scope="module")
def model_port() -> int:
    """Where the model of all hosts of this module is; each test has a server of its own there."""
    return free_port()


@pytest.fixture
async def model(model_port: int) -> AsyncIterator[ChatCompletionsServer]:
    async with ChatCompletionsServer(port=model_port) as server:
        yield server
        assert server.unused_steps == 0


@pytest.fixture(scope="module")
def hosts(new_host: NewHost, app_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Return `hosts(settings)`: one host for all tests with these settings."""
    started: dict[tuple[tuple[str, str], ...], HostProcess] = {}

    def host_with(settings: dict[str, str]) -> HostProcess:
        key = tuple(sorted(settings.items()))
        if key not in started:
            started[key] = new_host(tmp_path_factory.mktemp("host"), app_root, **settings)
            started[key].start()
        return started[key]

    yield host_with
    for host in started.values():
        host.kill()


@pytest.fixture
async def start(hosts: Hosts, model: ChatCompletionsServer) -> AsyncIterator[Any]:
    apps: list[App] = []

    def start(**settings: str) -> App:
        apps.append(App(hosts({**model.settings, **settings})))
        return apps[-1]

    yield start
    for app in apps:
        await app.http.aclose()


async def test_too_many_requests_are_a_failure_with_a_hint(start: Any, model: ChatCompletionsServer) -> None:
    model.script(*[Failure(429, "Slow down, prompt was: Hello", "rate_limit_exceeded", retry_after=0.3)] * 3)
    app = start(AGENT_RETRY_ATTEMPTS="1")
    response = await app.run("Hello")
    assert (response.status_code, response.headers["Retry-After"]) == (502, "1")
    body = response.json()
    assert (body["status"], body["error_code"], body["retryable"]) == ("failed", "rate_limited", True)
    assert "Slow down" not in response.text
    path = f"/api/agents/Writer/sessions/{app.session}/responses/{body['correlation_id']}"
    assert (await app.http.get(path)).json()["error_code"] == "rate_limited"


@pytest.mark.kills
async def test_a_failed_turn_never_reaches_the_model_again(start: Any, model: ChatCompletionsServer) -> None:
    model.script(Answer("Hello Ada."), Failure(400, "No.", "bad"), Answer("You are Ada."), Answer("Still Ada."))
    app = start()
    assert (await app.run("I am Ada.")).status_code == 200
    failed = await app.run("A failing question")
    assert (failed.status_code, failed.json()["error_code"]) == (502, "provider_rejected")
    assert (await app.run("Who am I?")).json()["response"] == "You are Ada."
    app.host.restart()
    assert (await app.run("And now?")).json()["response"] == "Still Ada."
    told = [message["content"] for message in model.requests[-1].body["messages"][1:]]
    assert told == ["I am Ada.", "Hello Ada.", "Who am I?", "You are Ada.", "And now?"]


async def test_a_passing_failure_is_tried_again(start: Any, model: ChatCompletionsServer) -> None:
    model.script(*[Failure(500, "Broken.", retry_after=0.01)] * REQUESTS_OF_AN_ATTEMPT, Answer("Done."))
    response = await start(AGENT_RETRY_ATTEMPTS="2").run("Go.")
    assert (response.status_code, response.json()["response"]) == (200, "Done.")
    assert response.json()["message_count"] == 2


async def test_the_attempts_come_to_an_end(start: Any, model: ChatCompletionsServer) -> None:
    model.script(*[Failure(503, "Broken.", retry_after=0.01)] * (2 * REQUESTS_OF_AN_ATTEMPT))
    response = await start(AGENT_RETRY_ATTEMPTS="2").run("Go.")
    assert (response.status_code, response.json()["error_code"]) == (502, "provider_unavailable")


async def test_malformed_json_is_a_failure(start: Any, model: ChatCompletionsServer) -> None:
    model.script(MalformedJson())
    response = await start(AGENT_RETRY_ATTEMPTS="1").run("Go.")
    assert (response.status_code, response.json()["error_code"]) == (502, "invalid_answer")


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (EndedStream("Once upon a"), "ended early"),
        (EndedStream(), "is missing"),
        (Answer("Once upon a", finish_reason=None), "without a finish_reason"),
        (Answer(""), "is empty"),
        (Body("<html>Sign in</html>", "text/html"), "HTML"),
        (Body('{"error": {"message": "Prompt was: Go."}}'), "an error in the place of an answer"),
        (Body('{"object": "chat.completion", "choices": []}'), "is missing"),
    ],
)
async def test_what_is_no_whole_answer_is_tried_again_and_then_a_failure(
    start: Any, model: ChatCompletionsServer, step: Any, reason: str
) -> None:
    model.script(step, step, Answer("All of it."), Answer("And more."))
    app = start(AGENT_RETRY_ATTEMPTS="2")
    failed = await app.run("Go.")
    assert (failed.status_code, failed.json()["error_code"]) == (502, "invalid_answer")
    assert (failed.json()["response"], failed.json()["retryable"]) == (None, True)
    assert reason in failed.json()["error"]
    assert "Prompt was" not in failed.text
    answered = await app.run("Go on.")
    assert (answered.status_code, answered.json()["response"]) == (200, "All of it.")
    model.forget()
    told = [message["content"] for message in model.requests[-1].body["messages"][1:]]
    assert told == ["Go on."]
    path = f"/api/agents/Writer/sessions/{app.session}/responses/{failed.json()['correlation_id']}"
    assert (await app.http.get(path)).json()["error_code"] == "invalid_answer"


@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_an_answer_that_was_cut_off_on_purpose_is_not_tried_again(
    start: Any, model: ChatCompletionsServer, reason: str
) -> None:
    model.script(Answer("Once upon a", finish_reason=reason))
    response = await start().run("Go.")
    assert (response.status_code, response.json()["error_code"]) == (502, "invalid_answer")
    assert reason in response.json()["error"]
    assert response.json()["usage"]["total_token_count"] == 18


async def test_what_is_no_whole_answer_has_been_paid_for(start: Any, model: ChatCompletionsServer) -> None:
    model.script(Answer("Once upon a", finish_reason=None), Answer("Done.", never_streams=True))
    app = start(AGENT_RETRY_ATTEMPTS="2")
    response = await app.run("Go.")
    assert (response.status_code, response.json()["response"]) == (200, "Done.")
    assert response.json()["usage"]["total_token_count"] == 36
    assert (await app.http.get(f"/api/agents/Writer/sessions/{app.session}")).json()["usage"]["total_token_count"] == 36


async def test_half_a_tool_call_is_not_made(start: Any, model: ChatCompletionsServer) -> None:
    half = ToolCall("call_1", "search_library", '{"query": "warr')
    whole = ToolCall("call_2", "search_library", {"query": "warranty"})
    model.script(Answer(tool_calls=(half,)), Answer(tool_calls=(whole,)), Answer("Two years."))
    app = start(AGENT_RETRY_ATTEMPTS="2")
    response = await app.run("Look it up.", agent="Researcher")
    assert (response.status_code, response.json()["response"]) == (200, "Two years.")
    entries = (await app.http.get(f"/api/agents/Researcher/sessions/{app.session}")).text
    assert ("call_2" in entries or "warranty" in entries, '"warr"' in entries) == (True, False)


@pytest.mark.parametrize("step", [EndedStream('{"title": "Tea", '), Answer('{"title": ', finish_reason="length")])
async def test_an_orchestration_is_not_given_a_part_of_an_answer(
    start: Any, model: ChatCompletionsServer, step: Any
) -> None:
    model.script(step)
    app = start(AGENT_RETRY_ATTEMPTS="1")
    run = await app.http.post("/api/runs/content_approval", params={"wait": 20}, json={"topic": "Tea"})
    assert run.json()["runtime_status"] == "Failed"
    assert "invalid_answer" in run.text


async def test_a_workflow_is_not_given_a_part_of_an_answer(start: Any, model: ChatCompletionsServer) -> None:
    model.script(EndedStream("Fine"))
    app = start(AGENT_RETRY_ATTEMPTS="1")
    comment = {"author": "Ada", "text": "You have won a prize, click here."}
    run = await app.http.post("/api/workflow/comment_moderation/run", params={"waitForResponse": "true"}, json=comment)
    assert "invalid_answer" in run.text
    assert run.status_code == 500 or run.json().get("runtimeStatus", run.json().get("status")) == "Failed"


async def test_a_stalled_stream_is_a_failure_in_time(start: Any, model: ChatCompletionsServer) -> None:
    model.script(StalledStream("Once upon a"))
    response = await start(AGENT_STALL_SECONDS="0.5", AGENT_RETRY_ATTEMPTS="1").run("Go.")
    assert (response.status_code, response.json()["error_code"]) == (502, "provider_timeout")
    assert "Once upon" not in response.text


@pytest.mark.parametrize(
    ("limit", "seconds"),
    # The function that waits for the answer ends at the second one as well: there must be time for it.
    [({"TURN_SECONDS": "1"}, "1"), ({"AzureFunctionsJobHost__functionTimeout": "00:00:06"}, "5.4")],
    ids=str,
)
async def test_a_turn_ends_before_the_host_would_end_the_function(
    limit: dict[str, str], seconds: str, start: Any, model: ChatCompletionsServer
) -> None:
    model.script(StalledStream("Once upon a"))
    response = await start(**limit).run("Go.")
    assert (response.status_code, response.json()["error_code"]) == (422, "budget_exceeded")
    assert f"max_seconds is {seconds}" in response.json()["error"]


async def test_a_broken_stream_is_tried_again_as_nobody_has_seen_it(start: Any, model: ChatCompletionsServer) -> None:
    model.script(BrokenStream("Once upon a"), Answer("Done."))
    response = await start().run("Go.")
    assert (response.status_code, response.json()["response"]) == (200, "Done.")


async def test_a_slow_model_is_not_a_failed_one(start: Any, model: ChatCompletionsServer) -> None:
    model.script(Slow(Answer("At last."), seconds=1))
    app = start(AGENT_WAIT_SECONDS="0.2")
    accepted = await app.run("Go.")
    assert accepted.status_code == 202
    answer = await app.pick_up(accepted)
    assert (answer.status_code, answer.json()["response"]) == (200, "At last.")


async def test_the_model_is_not_called_again_once_a_tool_has_run(start: Any, model: ChatCompletionsServer) -> None:
    search = Answer(tool_calls=(ToolCall("call_1", "search_library", {"query": "warranty"}),))
    model.script(search, *[Failure(500, "Broken.", retry_after=0.01)] * REQUESTS_OF_AN_ATTEMPT)
    response = await start().run("Look it up.", agent="Researcher")
    assert (response.status_code, response.json()["error_code"]) == (502, "provider_unavailable")
    assert response.json()["usage"]["total_token_count"] == 18


async def test_an_answer_in_another_form_than_asked_for_is_a_failure(start: Any, model: ChatCompletionsServer) -> None:
    model.script(Answer("This is no JSON."), Answer('{"title": "Tea", "content": "A drink."}'))
    app = start()
    failed = await app.run("Tea", response_format="Draft")
    assert (failed.status_code, failed.json()["error_code"]) == (502, "invalid_answer")
    answered = await app.run("Tea", response_format="Draft")
    assert answered.json()["value"] == {"title": "Tea", "content": "A drink."}
    assert model.requests[0].body["response_format"]["json_schema"]["name"] == "Draft"


async def test_a_session_that_is_full_says_so(start: Any, model: ChatCompletionsServer) -> None:
    large = "x" * 250_000
    no_summary = Failure(400, "No.", "bad")
    model.script(Answer("One."), Answer("Two."), no_summary, Answer("Three."), no_summary)
    app = start(SESSION_KEEP_TURNS="1")
    assert [(await app.run(large)).status_code for _ in range(3)] == [200, 200, 200]
    full = await app.run(large)
    assert (full.status_code, full.json()["error_code"]) == (422, "session_too_large")
    assert "Reset or delete the session" in full.json()["error"]


async def test_an_old_session_is_summarised_by_the_model(start: Any, model: ChatCompletionsServer) -> None:
    model.script(Answer("One."), Answer("Two."), Answer("They like tea."), Answer("Three."))
    app = start(SESSION_COMPACTION_BYTES="1000", SESSION_KEEP_TURNS="1")
    for message in ("I like tea.", "And milk.", "What do I like?"):
        assert (await app.run(message)).status_code == 200
    told = [message["content"] for message in model.requests[-1].body["messages"]]
    assert "They like tea." in told[1]
    assert told[2:] == ["And milk.", "Two.", "What do I like?"]


@pytest.mark.kills
async def test_a_turn_that_a_crash_interrupts_is_answered_once(start: Any, model: ChatCompletionsServer) -> None:
    model.script(Slow(Answer("Never seen."), seconds=30), Answer("Seen."), Answer("Next."))
    app = start(AGENT_WAIT_SECONDS="0.5")
    accepted = await app.run("Go.")
    assert accepted.status_code == 202
    app.host.restart()
    answer = await app.pick_up(accepted)
    assert (answer.json()["response"], answer.json()["message_count"]) == ("Seen.", 2)
    assert (await app.run("And?")).json()["message_count"] == 4
