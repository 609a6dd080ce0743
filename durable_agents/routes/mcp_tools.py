"""Agents as MCP tools, which the host serves at `/runtime/webhooks/mcp`.

Function name, tool name and arguments are those of the tool the package would generate. The host hides what a function
raises from the caller, so what the caller should know is returned, as a tool result that is marked as an error.
"""

import json
import math
import re
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import cast

import azure.durable_functions as df
from agent_framework_azurefunctions import AgentFunctionApp
from agent_framework_durabletask import RunRequest
from pydantic import BaseModel, ConfigDict, Field

from durable_agents.binding import bind
from durable_agents.http.problems import ProblemError
from durable_agents.http.requests import MAX_BODY_BYTES, read_model
from durable_agents.routes.agent_requests import check_session_id
from durable_agents.sessions.agent_registry import AgentDescription, AgentRegistry
from durable_agents.sessions.budget import RunBudget
from durable_agents.sessions.correlation import RunIds
from durable_agents.sessions.failures import Failure
from durable_agents.sessions.responses import wait_for_reply
from durable_agents.sessions.signal import send_message

_PROPERTIES = [
    {
        "propertyName": "query",
        "propertyType": "string",
        "description": "What to say to the agent.",
        "isRequired": True,
        "isArray": False,
    },
    {
        "propertyName": "sessionId",
        "propertyType": "string",
        "description": "The conversation to go on with: 1 to 128 letters, digits, '_', '.' and '-'. Leave it out to "
        "begin a new one.",
        "isRequired": False,
        "isArray": False,
    },
]


class ToolArguments(BaseModel):
    """The arguments of a call; `threadId` is the old name of `sessionId`."""

    model_config = ConfigDict(str_strip_whitespace=True)

    query: str = Field(min_length=1)
    sessionId: str | None = None  # noqa: N815  # the name on the wire
    threadId: str | None = None  # noqa: N815


def register(
    app: AgentFunctionApp, agents: AgentRegistry, names: Iterable[str], ids: RunIds, wait_seconds: float
) -> None:
    """Register an MCP tool for each of these agents; `wait_seconds` is how long a caller waits for the answer.

    Raises:
        ProblemError: There is no agent of one of the names.
    """
    for name in names:
        agent = agents.find(name)
        function = bind(call_agent, agent=agent, ids=ids, wait_seconds=wait_seconds)
        function = app.durable_client_input(client_name="client")(function)
        # AgentFunctionApp declares only a part of the signatures it inherits.
        trigger = cast(df.DFApp, app).mcp_tool_trigger(
            arg_name="context",
            tool_name=agent.name,
            description=agent.description or f"Talk to the agent {agent.name}.",
            tool_properties=json.dumps(_PROPERTIES),
            use_result_schema=True,
        )
        app.function_name(f"mcptool-{re.sub(r'[^0-9a-zA-Z_]', '_', agent.name).strip('_')}")(trigger(function))


async def call_agent(
    context: str, client: df.DurableOrchestrationClient, *, agent: AgentDescription, ids: RunIds, wait_seconds: float
) -> str:
    """Hand the query to the agent and return the tool result with its answer, or with why there is none.

    A result is an error only if there will be no answer. `_meta` has the session id, with which a caller goes on.
    """
    try:
        arguments = _read_arguments(context)
        session_id = check_session_id(arguments.sessionId or arguments.threadId or uuid.uuid4().hex)
    except ProblemError as problem:
        return _result(f"Nothing was done. {problem.detail}", {}, is_error=True)
    now = datetime.now(UTC)
    correlation_id = ids.new(agent.name, session_id, now)
    request = RunRequest(arguments.query, correlation_id, request_response_format="text", created_at=now)
    await send_message(client, agent.name, session_id, request, RunBudget())
    reply = await wait_for_reply(client, agent.name, session_id, correlation_id, wait_seconds)
    run = {"session_id": session_id, "correlation_id": correlation_id}
    if reply is None:
        return _result(_still_working(agent.name, session_id, correlation_id), {**run, "status": "running"})
    if reply.failure is not None:
        text = f"Agent {agent.name!r} failed ({reply.failure.code}). {reply.failure.message} {_advice(reply.failure)}"
        return _result(text, {**run, "status": "failed", "error_code": reply.failure.code}, is_error=True)
    return _result(reply.text, {**run, "status": "success"})


def _read_arguments(context: str) -> ToolArguments:
    """Return the arguments of a call.

    Raises:
        ProblemError: They are too large, or not what the tool takes; `detail` lists every mistake.
    """
    arguments = json.loads(context).get("arguments") or {}
    try:
        size = len(json.dumps(arguments, ensure_ascii=False).encode())
    except UnicodeEncodeError as error:
        raise ProblemError(
            400, "invalid-text", "The arguments hold half a surrogate pair, which is no text."
        ) from error
    if size > MAX_BODY_BYTES:
        detail = f"The arguments have {size} bytes; at most {MAX_BODY_BYTES} are accepted."
        raise ProblemError(413, "body-too-large", detail)
    return read_model(arguments, ToolArguments)


def _still_working(agent: str, session_id: str, correlation_id: str) -> str:
    route = f"agents/{agent}/sessions/{session_id}/responses/{correlation_id}"
    return (
        f"Agent {agent!r} is still working on this; it goes on, so do not send the query again. "
        f"Pick the answer up at the app's HTTP route GET {route}, "
        f"or call this tool with sessionId {session_id!r} later and ask what the answer was."
    )


def _advice(failure: Failure) -> str:
    if not failure.retryable:
        return "Calling again without a change will fail again."
    if failure.retry_after_seconds is None:
        return "It may succeed when called again."
    return f"It may succeed when called again in {max(math.ceil(failure.retry_after_seconds), 1)} seconds."


def _result(text: str, meta: dict[str, str], *, is_error: bool = False) -> str:
    """Return a tool result in the form in which the host passes it on as it is."""
    result = {"content": [{"type": "text", "text": text}], "isError": is_error, "_meta": meta}
    return json.dumps({"type": "call_tool_result", "content": json.dumps(result)})
