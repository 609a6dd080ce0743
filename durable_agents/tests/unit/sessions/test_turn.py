import asyncio
import json
import threading
from typing import Any

import httpx
import pytest
from agent_framework import AgentResponse, AgentResponseUpdate, Content, FunctionInvocationContext, FunctionTool, tool
from agent_framework_durabletask import AgentCallbackContext, AgentEntity, DurableAgentState, RunRequest
from pydantic import BaseModel

from durable_agents.limits import TurnLimits
from durable_agents.sessions.budget import RunBudget
from durable_agents.sessions.conversation import find_failure, session_usage, stored_bytes
from durable_agents.sessions.failures import Failure
from durable_agents.sessions.mcp import McpServer, McpTools
from durable_agents.sessions.meter import IDEMPOTENCY_KEY
from durable_agents.sessions.room import STATE_LIMIT_BYTES, USABLE_BYTES
from durable_agents.sessions.turn import Turns
from durable_agents.settings.groups import McpServerSettings
from durable_agents.testing import ScriptedChatClient
from durable_agents.tests.unit.sessions.scripted_agent import Busy, agent_with, call
from durable_agents.threads import Threads

LIMITS = TurnLimits(retry_seconds=30, stall_seconds=5)


class Listener:
    """Keeps what the callback is shown."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.ends: list[AgentResponse] = []

    async def on_streaming_response_update(self, update: AgentResponseUpdate, context: AgentCallbackContext) -> None:
        self.texts.append(update.text)

    async def on_agent_response(self, response: AgentResponse, context: AgentCallbackContext) -> None:
        self.ends.append(response)


class Answer(BaseModel):
    number: int


def request(message: str = "Hello", run: str = "r1", **fields: Any) -> RunRequest:
    return RunRequest(message=message, correlation_id=run, **fields)


def failure_of(response: AgentResponse) -> Failure:
    content = find_failure(response)
    assert content is not None
    return Failure.from_content(content)


def turns_of(client: ScriptedChatClient, *tools: Any, **fields: Any) -> Turns:
    return Turns(**{"name": "Test", "agent": agent_with(client, *tools), "limits": LIMITS, **fields})


def reloaded(state: DurableAgentState) -> DurableAgentState:
    return DurableAgentState.from_dict(json.loads(state.to_json()))


async def test_a_turn_is_stored_as_the_package_stores_it() -> None:
    state = DurableAgentState()
    response = await turns_of(ScriptedChatClient(["Hi", " there"])).run(state, "s1", request())
    assert response.text == "Hi there"
    kinds = [(entry.json_type.value, entry.correlation_id) for entry in reloaded(state).data.conversation_history]
    assert kinds == [("request", "r1"), ("response", "r1")]


async def test_the_package_goes_on_with_a_session_and_the_reverse() -> None:
    first = ScriptedChatClient(["Hi Ada."])
    state = DurableAgentState()
    await turns_of(first).run(state, "s1", request("I am Ada."))

    class Provider:
        session_id = "s1"

        def __init__(self, state: DurableAgentState) -> None:
            self.state = state

        def persist_state(self) -> None:
            self.state = reloaded(self.state)

    provider = Provider(reloaded(state))
    second = ScriptedChatClient(["You are Ada."])
    entity = AgentEntity(agent_with(second), state_provider=provider)  # type: ignore[arg-type]  # it has what is used
    await entity.run(request("Who am I?", "r2"))
    assert [m.text for m in second.requests[0].messages] == ["I am Ada.", "Hi Ada.", "Who am I?"]

    third = ScriptedChatClient(["Still Ada."])
    await turns_of(third).run(reloaded(provider.state), "s1", request("And now?", "r3"))
    assert [m.text for m in third.requests[0].messages] == [
        "I am Ada.",
        "Hi Ada.",
        "Who am I?",
        "You are Ada.",
        "And now?",
    ]


async def test_a_failed_turn_is_kept_and_never_sent_again() -> None:
    client = ScriptedChatClient([RuntimeError("my secret")], ["Fine."])
    state = DurableAgentState()
    turns = turns_of(client)
    assert failure_of(await turns.run(state, "s1", request("First"))).code == "model_call_failed"
    assert "my secret" not in state.to_json()
    state = reloaded(state)
    await turns.run(state, "s1", request("Second", "r2"))
    assert [m.text for m in client.requests[-1].messages] == ["Second"]
    assert len(state.data.conversation_history) == 4


async def test_the_private_reasoning_of_the_model_is_not_sent_again() -> None:
    client = ScriptedChatClient([Content.from_text_reasoning(text="Hm."), "Hi."], ["Fine."])
    state = DurableAgentState()
    turns = turns_of(client)
    await turns.run(state, "s1", request())
    await turns.run(reloaded(state), "s1", request("And?", "r2"))
    assert [(c.type, c.text) for m in client.requests[-1].messages for c in m.contents] == [
        ("text", "Hello"),
        ("text", "Hi."),
        ("text", "And?"),
    ]


async def test_a_run_that_is_stored_is_not_repeated() -> None:
    client = ScriptedChatClient(["Once."])
    state = DurableAgentState()
    turns = turns_of(client)
    await turns.run(state, "s1", request())
    assert (await turns.run(reloaded(state), "s1", request())).text == "Once."
    assert len(client.requests) == 1


async def test_every_update_is_shown_once_and_the_end_once() -> None:
    listener = Listener()
    await turns_of(ScriptedChatClient(["a", "b", "c"]), callback=listener).run(DurableAgentState(), "s1", request())
    assert [text for text in listener.texts if text] == ["a", "b", "c"]
    assert [end.text for end in listener.ends] == ["abc"]


async def test_text_that_was_shown_is_not_shown_again() -> None:
    client, listener = ScriptedChatClient(["Once upon", Busy()], ["Never."]), Listener()
    response = await turns_of(client, callback=listener).run(DurableAgentState(), "s1", request())
    assert failure_of(response).code == "provider_unavailable"
    assert (listener.texts, len(client.requests)) == (["Once upon"], 1)
    assert [find_failure(end) is not None for end in listener.ends] == [True]


async def test_nothing_shown_is_tried_again() -> None:
    client = ScriptedChatClient(["Once upon", Busy()], [Busy()], ["Done."])
    response = await turns_of(client).run(DurableAgentState(), "s1", request())
    assert (response.text, len(client.requests)) == ("Done.", 3)


async def test_the_attempts_and_their_time_are_limited() -> None:
    client = ScriptedChatClient(*[[Busy()]] * 3)
    response = await turns_of(client).run(DurableAgentState(), "s1", request())
    assert (failure_of(response).code, len(client.requests)) == ("provider_unavailable", 3)
    client = ScriptedChatClient([ConnectionError()])
    await turns_of(client, limits=TurnLimits(retry_seconds=0)).run(DurableAgentState(), "s1", request())
    assert len(client.requests) == 1


async def test_no_tool_runs_twice() -> None:
    ran: list[str] = []

    @tool(approval_mode="never_require")
    def charge() -> str:
        """Charge."""
        ran.append("charge")
        return "charged"

    client = ScriptedChatClient([call("charge")], [Busy()], ["Never."])
    response = await turns_of(client, charge).run(DurableAgentState(), "s1", request())
    assert failure_of(response).code == "provider_unavailable"
    assert (ran, len(client.requests)) == (["charge"], 2)


async def test_a_callback_that_fails_does_not_cost_the_answer() -> None:
    class Broken(Listener):
        async def on_streaming_response_update(
            self, update: AgentResponseUpdate, context: AgentCallbackContext
        ) -> None:
            raise OSError("no stream")

    response = await turns_of(ScriptedChatClient(["Hi."]), callback=Broken()).run(DurableAgentState(), "s1", request())
    assert response.text == "Hi."


async def test_a_silent_model_times_out_and_a_slow_tool_does_not() -> None:
    @tool(approval_mode="never_require")
    async def dig() -> str:
        """Dig."""
        await asyncio.sleep(0.3)
        return "gold"

    settings = TurnLimits(stall_seconds=0.1, retry_attempts=1)
    client = ScriptedChatClient([call("dig")], ["Found."])
    assert (await turns_of(client, dig, limits=settings).run(DurableAgentState(), "s1", request())).text == "Found."

    class Silent(ScriptedChatClient):
        async def _stream(self, step: Any) -> Any:
            await asyncio.sleep(5)
            yield None

    response = await turns_of(Silent(["x"]), limits=settings).run(DurableAgentState(), "s1", request())
    assert failure_of(response).code == "provider_timeout"


@pytest.mark.parametrize(
    ("budget", "limit", "used"),
    [
        (RunBudget(max_tokens=10), "max_tokens", {"tokens": 15, "tool_calls": 0}),
        (RunBudget(max_tool_calls=0), "max_tool_calls", {"tokens": 15, "tool_calls": 0}),
        (RunBudget(max_tokens=29), "max_tokens", {"tokens": 15, "tool_calls": 1}),
        (RunBudget(max_seconds=0.1), "max_seconds", {"tokens": 15, "tool_calls": 1}),
    ],
)
async def test_a_budget_ends_the_run_and_not_the_session(budget: RunBudget, limit: str, used: dict[str, int]) -> None:
    @tool(approval_mode="never_require")
    async def dig() -> str:
        """Dig."""
        await asyncio.sleep(0.3)
        return "gold"

    client = ScriptedChatClient([call("dig")], ["Found."])
    state = DurableAgentState()
    failure = failure_of(await turns_of(client, dig).run(state, "s1", request(), budget))
    assert failure.code == "budget_exceeded"
    assert limit in failure.message
    if limit == "max_tokens" and budget.max_tokens == 29:
        used = {"tokens": 30, "tool_calls": 1}
    assert {name: failure.used[name] for name in used} == used
    client.steps = [["Fine."]]
    assert (await turns_of(client, dig).run(reloaded(state), "s1", request("Again", "r2"))).text == "Fine."
    assert session_usage(state.to_dict())["total_token_count"] == used["tokens"]


@pytest.mark.parametrize("where", ["an async tool", "a sync tool", "an MCP server", "a retry"])
async def test_a_turn_ends_at_its_deadline_wherever_it_hangs(where: str, unused_tcp_port: int) -> None:
    held = threading.Event()

    @tool(approval_mode="never_require")
    async def dig() -> str:
        """Dig."""
        await asyncio.sleep(60)
        return "gold"

    @tool(approval_mode="never_require")
    def drill() -> str:
        """Drill."""
        held.wait(30)
        return "oil"

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        finally:
            writer.close()

    later = Busy()
    later.response = httpx.Response(503, headers={"Retry-After": "20"})
    steps: dict[str, Any] = {
        "an async tool": [call("dig")],
        "a sync tool": [call("drill")],
        "a retry": [later],
    }
    connection = McpServerSettings(f"http://127.0.0.1:{unused_tcp_port}/mcp", connect_seconds=60)
    mcp = McpTools((McpServer(name="slow", connection=connection),)) if where == "an MCP server" else McpTools()
    client = ScriptedChatClient(steps.get(where, ["Never."]), ["Late."])
    turns = turns_of(
        client, dig, drill, mcp=mcp, limits=TurnLimits(stall_seconds=60), budget=RunBudget(max_seconds=0.5)
    )
    server = await asyncio.start_server(keep, "127.0.0.1", unused_tcp_port)
    began = asyncio.get_running_loop().time()
    try:
        failure = failure_of(await turns.run(DurableAgentState(), "s1", request()))
    finally:
        held.set()
        server.close()
    assert (failure.code, "max_seconds" in failure.message) == ("budget_exceeded", True)
    # What hangs does so for 20 s and more.
    assert asyncio.get_running_loop().time() - began < 15


def test_a_request_narrows_the_budget_of_an_agent() -> None:
    own = RunBudget(max_tokens=100, max_seconds=5)
    assert own.tightened(RunBudget(max_tokens=500, max_tool_calls=2)) == RunBudget(
        max_tokens=100, max_tool_calls=2, max_seconds=5
    )


async def test_a_large_tool_result_is_trimmed_for_the_model_and_the_session() -> None:
    @tool(approval_mode="never_require")
    def read() -> str:
        """Read."""
        return "x" * 5_000

    client = ScriptedChatClient([call("read")], ["Read."])
    state = DurableAgentState()
    settings = TurnLimits(tool_result_bytes=1_000)
    await turns_of(client, read, limits=settings).run(state, "s1", request())
    (result,) = [c for m in client.requests[-1].messages for c in m.contents if c.type == "function_result"]
    assert "[4000 of 5000 bytes left out." in str(result.result)
    assert stored_bytes(state) < 3_000


async def test_a_tool_call_has_the_same_key_in_a_repeated_turn() -> None:
    keys: list[str] = []

    @tool(approval_mode="never_require")
    def charge(amount: int, context: FunctionInvocationContext) -> str:
        """Charge."""
        keys.append(context.metadata[IDEMPOTENCY_KEY])
        return "charged"

    def calls(*ids: str) -> list[Any]:
        return [call("charge", call_id, '{"amount": 1}') for call_id in ids]

    for ids in (("a", "b"), ("c", "d")):
        client = ScriptedChatClient(calls(*ids), ["Done."])
        await turns_of(client, charge).run(DurableAgentState(), "s1", request())
    assert keys[:2] == keys[2:]
    assert len(set(keys)) == 2


async def test_an_answer_in_the_wrong_form_is_a_failure() -> None:
    client = ScriptedChatClient(["one"], ['{"number": 1}'])
    state = DurableAgentState()
    turns = turns_of(client, default_format=Answer)
    assert failure_of(await turns.run(state, "s1", request())).code == "invalid_answer"
    assert (await turns.run(state, "s1", request("Again", "r2"))).text == '{"number": 1}'


async def test_a_full_session_says_what_to_do_and_does_not_call_the_model() -> None:
    client = ScriptedChatClient(["x" * (STATE_LIMIT_BYTES + 1)])
    state = DurableAgentState()
    turns = turns_of(client)
    too_long = failure_of(await turns.run(state, "s1", request()))
    assert too_long.code == "session_too_large"
    assert stored_bytes(state) < 2_000
    refused = failure_of(await turns.run(state, "s1", request("y" * STATE_LIMIT_BYTES, "r2")))
    assert (refused.code, len(client.requests)) == ("session_too_large", 1)
    assert "Reset or delete the session" in refused.message
    assert stored_bytes(state) < 4_000


async def test_refusals_do_not_fill_a_session_that_is_full() -> None:
    state = DurableAgentState()
    turns = turns_of(ScriptedChatClient(["x" * (USABLE_BYTES - 2_000)]))
    await turns.run(state, "s1", request())
    for number in range(50):
        refused = failure_of(await turns.run(state, "s1", request("y" * 5_000, f"refused-{number}")))
        assert refused.code == "session_too_large"
    assert stored_bytes(state) <= STATE_LIMIT_BYTES


async def test_a_tool_is_tried_again_as_its_policy_says_under_one_key() -> None:
    keys: list[str] = []

    def flaky(error: type[Exception]) -> FunctionTool:
        @tool(
            approval_mode="never_require",
            additional_properties={"retry": {"on": (ConnectionError,), "attempts": 3, "delay_seconds": 0}},
        )
        def fetch(context: FunctionInvocationContext) -> str:
            """Fetch."""
            keys.append(context.metadata[IDEMPOTENCY_KEY])
            if len(keys) < 3:
                raise error("down")
            return "fetched"

        return fetch

    client = ScriptedChatClient([call("fetch")], ["Done."])
    await turns_of(client, flaky(ConnectionResetError)).run(DurableAgentState(), "s1", request())
    assert (len(keys), len(set(keys))) == (3, 1)
    assert [c.result for m in client.requests[-1].messages for c in m.contents if c.type == "function_result"] == [
        "fetched"
    ]
    keys.clear()
    client = ScriptedChatClient([call("fetch")], ["Done."])
    await turns_of(client, flaky(KeyError)).run(DurableAgentState(), "s1", request())
    assert len(keys) == 1


async def test_a_sync_tool_does_not_block_the_loop() -> None:
    threads: list[threading.Thread] = []

    @tool(approval_mode="never_require")
    def dig() -> str:
        """Dig."""
        threads.append(threading.current_thread())
        return "gold"

    await turns_of(ScriptedChatClient([call("dig")], ["Found."]), dig).run(DurableAgentState(), "s1", request())
    assert threads[0] is not threading.current_thread()


async def test_tools_that_hang_stop_no_tool_of_another_turn_once_theirs_are_over() -> None:
    asyncio.get_running_loop().set_default_executor(Threads(2, "tool"))
    held = threading.Event()

    @tool(approval_mode="never_require")
    def drill() -> str:
        """Drill."""
        held.wait(30)
        return "oil"

    @tool(approval_mode="never_require")
    def dig() -> str:
        """Dig."""
        return "gold"

    try:
        for _ in range(2):
            hanging = turns_of(ScriptedChatClient([call("drill")]), drill, budget=RunBudget(max_seconds=0.2))
            assert failure_of(await hanging.run(DurableAgentState(), "s1", request())).code == "budget_exceeded"
        other = turns_of(ScriptedChatClient([call("dig")], ["Found."]), dig, budget=RunBudget(max_seconds=5.0))
        assert (await other.run(DurableAgentState(), "s2", request())).text == "Found."
    finally:
        held.set()
