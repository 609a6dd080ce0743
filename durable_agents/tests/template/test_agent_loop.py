"""The loop of the template, over the wire: many rounds, bad answers, and kills, which repeat nothing that finished."""

import asyncio
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from devhost.testing.kills.kill_plan import Kill, Point, When
from devhost.testing.kills.supervised_host import SupervisedHost
from durable_agents.testing import Api
from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, ChatRequest, ToolCall
from durable_agents.tests.wire.faults import Silence

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(not (ROOT / "orchestrations" / "agent_loop.py").exists(), reason="it was deleted")
TASK = {"task": "What do 3 and 4 make?"}


@pytest.fixture
async def model() -> AsyncIterator[ChatCompletionsServer]:
    """A model that answers as the test scripts it, and must be asked for all of it."""
    async with ChatCompletionsServer() as server:
        yield server
        assert server.unused_steps == 0


def calculating(expression: str, call_id: str = "call_1") -> Answer:
    return Answer(tool_calls=(ToolCall(call_id, "calculate", {"expression": expression}),))


def used(output: str) -> Counter[str]:
    """Return how often each tool was used, by all hosts of one task hub."""
    return Counter(re.findall(r": used (\w+)", output))


def told(request: ChatRequest) -> list[tuple[str, str]]:
    """Return what the model was told by the tools, in all rounds."""
    messages = request.body["messages"]
    return [(said["tool_call_id"], said["content"]) for said in messages if said["role"] == "tool"]


@pytest.mark.kills
@pytest.mark.thorough
async def test_kills_repeat_no_tool_and_no_model_call_that_had_finished(
    start_host: Any, api_of: Callable[[Any], Api], model: ChatCompletionsServer
) -> None:
    silence, asking = Silence(), ToolCall("call_3", "ask_human", {"question": "Are you sure?"})
    both = (
        ToolCall("call_1", "calculate", {"expression": "3 + 4"}),
        ToolCall("call_2", "count_words", {"document": "x"}),
    )
    model.script(Answer(tool_calls=both), silence, Answer(tool_calls=(asking,)), Answer("Seven."))
    host = await asyncio.to_thread(start_host, **model.settings)
    run_id = await asyncio.to_thread(api_of(host).start, "agent_loop", TASK)
    await asyncio.wait_for(silence.arrived.wait(), 20)
    await asyncio.to_thread(host.restart)
    run = await asyncio.to_thread(api_of(host).wait, run_id, lambda run: run["waiting_for"] is not None)
    assert run["waiting_for"]["question"] == "Are you sure?"
    await asyncio.to_thread(host.restart)
    event = f"/api/runs/{run_id}/events/{run['waiting_for']['event_name']}"
    answered = await asyncio.to_thread(api_of(host).http.post, event, json={"answer": "Yes."})
    assert answered.status_code == 202
    output = await asyncio.to_thread(api_of(host).finish, run_id)
    assert output == {"outcome": "answered", "answer": "Seven.", "reason": None, "iterations": 3}
    assert used(host.output()) == {"calculate": 1, "count_words": 1}
    # The second call was under way when the host was killed.
    assert [len(told(request)) for request in model.requests] == [0, 2, 2, 3]
    known = "There is no document 'x'. Known: returns.txt, shipping.txt, warranty.txt."
    assert told(model.requests[-1]) == [("call_1", "7"), ("call_2", known), ("call_3", "Yes.")]


@pytest.mark.kills
@pytest.mark.thorough
async def test_a_kill_after_the_run_began_anew_repeats_nothing_of_before(
    start_host: Any, api_of: Callable[[Any], Api], model: ChatCompletionsServer
) -> None:
    silence = Silence()
    model.script(*(calculating(f"{n} * 2", f"call_{n}") for n in range(10)), silence, Answer("Done."))
    host = await asyncio.to_thread(start_host, **model.settings)
    run_id = await asyncio.to_thread(api_of(host).start, "agent_loop", TASK)
    await asyncio.wait_for(silence.arrived.wait(), 20)
    run = await asyncio.to_thread(api_of(host).run, run_id)
    assert (run["input"]["iterations"], len(run["input"]["said"])) == (10, 21)
    await asyncio.to_thread(host.restart)
    output = await asyncio.to_thread(api_of(host).finish, run_id)
    assert (output["answer"], output["iterations"]) == ("Done.", 11)
    assert used(host.output()) == {"calculate": 10}
    assert len(model.requests) == 12
    assert told(model.requests[-1]) == [(f"call_{n}", str(n * 2)) for n in range(10)]


@dataclass(frozen=True)
class Counting:
    """A model that calculates until it has so many results, and then says how many it has."""

    rounds: int

    async def respond(self, http: web.Request, request: ChatRequest) -> web.StreamResponse:
        known = len(told(request))
        step = calculating(f"{known} + 1", f"call_{known}") if known < self.rounds else Answer(f"{known} results.")
        return await step.respond(http, request)


@pytest.mark.kills
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
async def test_a_kill_after_each_commit_asks_and_uses_everything_once(tmp_path: Path) -> None:
    rounds = 11
    async with ChatCompletionsServer() as model:
        model.script(*[Counting(rounds)] * 50)
        folders = {"OUTBOX_DIR": str(tmp_path / "outbox"), "STATE_DIR": str(tmp_path / "state")}
        # Loaded once, and not by each of the fifty hosts.
        flags = ("--import", "function_app")
        host = SupervisedHost(tmp_path, ROOT, flags, environment={**folders, **model.settings}, patience=240)
        try:
            started = await asyncio.to_thread(host.send, "POST", "/api/runs/agent_loop", TASK)
            assert started.status_code == 202, started.text
            host.plan.arm([Kill(When.AFTER, Point.COMMIT)] * 200)
            run_id = started.json()["instance_id"]
            status = await asyncio.to_thread(host.wait, run_id, runtimeStatus="Completed")
            assert status["output"]["answer"] == f"{rounds} results."
            assert len(host.plan.left()) < 170
            assert used(host.log()) == {"calculate": rounds}
            assert [len(told(request)) for request in model.requests] == list(range(rounds + 1))
        finally:
            host.close()


async def test_what_the_model_does_wrong_it_is_told(
    start_host: Any, api_of: Callable[[Any], Api], model: ChatCompletionsServer
) -> None:
    wrong = (
        ToolCall("call_1", "fly", {}),
        ToolCall("call_2", "calculate", {"expr": "1"}),
        ToolCall("call_3", "ask_human", {}),
    )
    model.script(Answer(tool_calls=wrong), Answer("I cannot fly."))
    host = await asyncio.to_thread(start_host, **model.settings)
    api = api_of(host)
    output = await asyncio.to_thread(lambda: api.finish(api.start("agent_loop", TASK)))
    assert (output["outcome"], output["answer"]) == ("answered", "I cannot fly.")
    flown, calculated, asked = told(model.requests[-1])
    assert flown == ("call_1", "There is no tool 'fly'. Known: search_library, count_words, calculate, ask_human.")
    assert calculated[1].startswith("The arguments of calculate are wrong: expression: Field required; expr: Extra")
    assert asked == ("call_3", "The arguments of ask_human are wrong: question: Field required. Correct the call.")


HALF = ToolCall("call_1", "calculate", '{"expression": "1')
BAD = {
    "half a call": Answer(tool_calls=(HALF,)),
    "empty": Answer(""),
    "cut off": Answer("Once upon a", finish_reason="length"),
}


@dataclass(frozen=True)
class Bad:
    """A model that answers badly as the task says; when that ends with a question mark, only the first time."""

    asked: list[str]

    async def respond(self, http: web.Request, request: ChatRequest) -> web.StreamResponse:
        task = request.body["messages"][-1]["content"]
        is_right = task.endswith("?") and task in self.asked
        self.asked.append(task)
        return await (Answer("Right.") if is_right else BAD[task.removesuffix("?")]).respond(http, request)


async def test_a_bad_answer_is_asked_for_again_and_is_never_an_answer(
    start_host: Any, api_of: Callable[[Any], Api], model: ChatCompletionsServer
) -> None:
    tasks = [*BAD, *(f"{task}?" for task in BAD)]
    model.script(*[Bad([])] * (3 * len(BAD) + 2 * len(BAD)))
    host = await asyncio.to_thread(start_host, **model.settings)
    api = api_of(host)
    runs = {task: await asyncio.to_thread(api.start, "agent_loop", {"task": task}) for task in tasks}
    for task, run_id in runs.items():
        run = await asyncio.to_thread(api.wait, run_id, lambda run: run["runtime_status"] != "Running")
        if task.endswith("?"):
            assert run["output"] == {"outcome": "answered", "answer": "Right.", "reason": None, "iterations": 1}
        else:
            assert (run["runtime_status"], run["failed_step"]["attempts"]) == ("Failed", 3)
            assert "The model did not answer (invalid_answer)." in run["error"]
            assert "Once upon a" not in run["error"]
