"""Agents as MCP tools, which the host serves at `/runtime/webhooks/mcp`.

Function name, tool name and arguments are those of the tool the package would generate. The host hides what a function
raises from the caller, so what the caller should know is returned, as a tool result that is marked as an error.
"""

import json
import math
import re
import uuid
from datetime import UTC, datetime
from typing import cast

import azure.durable_functions as df
from agent_framework_azurefunctions import AgentFunctionApp
from agent_framework_durabletask import RunRequest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from durable_agents.http.problems import ProblemError
from durable_agents.http.requests import MAX_BODY_BYTES, read_model
from durable_agents.owners import owner_of
from durable_agents.routes.agent_requests import check_session_id
from durable_agents.routes.agent_runs import AgentRun
from durable_agents.sessions.agent_registry import HostedAgent
from durable_agents.sessions.budget import RunBudget
from durable_agents.sessions.correlation import RunIds
from durable_agents.sessions.failures import Failure
from durable_agents.sessions.responses import wait_for_response
from durable_agents.sessions.signal import send_message

_TEXT = {"propertyType": "string", "isArray": False}
_PROPERTIES = [
    {**_TEXT, "propertyName": "query", "description": "What to say to the agent.", "isRequired": True},
    {
        **_TEXT,
        "propertyName": "sessionId",
        "description": "The conversation to go on with: 1 to 128 letters, digits, '_', '.' and '-'. Leave it out to "
        "begin a new one.",
        "isRequired": False,
    },
]


class ToolArguments(BaseModel):
    """The arguments of a call; `threadId` is the old name of `sessionId`."""

    model_config = ConfigDict(str_strip_whitespace=True)

    query: str = Field(min_length=1)
    session_id: str | None = Field(default=None, validation_alias=AliasChoices("sessionId", "threadId"))


class AgentTool:
    """An agent as an MCP tool; `wait_seconds` is how long a caller waits for the answer."""

    def __init__(self, agent: HostedAgent, run_ids: RunIds, wait_seconds: float) -> None:
        self._agent = agent
        self._run_ids = run_ids
        self._wait_seconds = wait_seconds

    def register(self, app: AgentFunctionApp) -> None:
        """Register the tool under the name of the agent."""
        agent = self._agent
        function = app.durable_client_input(client_name="client")(self.call_agent)
        # AgentFunctionApp declares only a part of the signatures it inherits.
        trigger = cast(df.DFApp, app).mcp_tool_trigger(
            arg_name="context",
            tool_name=agent.name,
            description=agent.summary.description or f"Talk to the agent {agent.name}.",
            tool_properties=json.dumps(_PROPERTIES),
            use_result_schema=True,
        )
        app.function_name(f"mcptool-{re.sub(r'[^0-9a-zA-Z_]', '_', agent.name).strip('_')}")(trigger(function))

    async def call_agent(self, context: str, client: df.DurableOrchestrationClient) -> str:
        """Hand the query to the agent and return the tool result with its answer, or with why there is none.

        A result is an error only if there will be no answer. `_meta` has the session id, with which a caller goes on.
        """
        name, now = self._agent.name, datetime.now(UTC)
        try:
            arguments = _read_arguments(context)
            session_id = check_session_id(arguments.session_id or uuid.uuid4().hex)
            if owner_of(session_id) is not None:
                # Nobody vouches for who calls a tool.
                raise ProblemError(404, "unknown-session", f"Agent {name!r} has no session {session_id!r}.")
        except ProblemError as problem:
            return _result(f"Nothing was done. {problem.detail}", {}, is_error=True)
        run = AgentRun(self._agent, session_id, self._run_ids.new(name, session_id, now), now)
        request = RunRequest(arguments.query, run.correlation_id, request_response_format="text", created_at=now)
        await send_message(client, name, session_id, request, RunBudget())
        response = await wait_for_response(client, name, session_id, run.correlation_id, self._wait_seconds)
        if response is None or response.is_at_work:
            return _result(_come_back(run, "is still working on this"), {**run.names, "status": "running"})
        if response.pending is not None:
            text = _come_back(run, "waits for a human to decide on a tool call")
            return _result(text, {**run.names, "status": "waiting_for_approval"})
        failure = response.failure
        if failure is not None:
            text = f"Agent {name!r} failed ({failure.code}). {failure.message} {_advice(failure)}"
            return _result(text, {**run.names, "status": "failed", "error_code": failure.code}, is_error=True)
        return _result(response.text, {**run.names, "status": "success"})


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


def _come_back(run: AgentRun, state: str) -> str:
    return (
        f"Agent {run.agent.name!r} {state}; it goes on, so do not send the query again. "
        f"Pick the answer up at the app's HTTP route GET {'/'.join(run.path)}, "
        f"or call this tool with sessionId {run.session_id!r} later and ask what the answer was."
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
