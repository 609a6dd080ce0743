"""What callers get to know of one agent run, the same from every route that tells it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import azure.functions as func

from durable_agents.http.problems import ProblemError
from durable_agents.ids import is_session_id
from durable_agents.sessions.agent_registry import AgentDescription, AgentRegistry
from durable_agents.sessions.correlation import LONGEST_RUN, RunIds, has_same_body
from durable_agents.sessions.failures import Failure
from durable_agents.sessions.responses import Reply
from durable_agents.sessions.tool_requests import ToolRequest


@dataclass(frozen=True, slots=True)
class AgentRun:
    """A run whose id this app has handed out; it may be at work, ended or lost."""

    agent: AgentDescription
    session_id: str
    correlation_id: str
    issued: datetime

    def check_reply(self, reply: Reply | None) -> None:
        """Accept the reply to this run, or that there is none yet.

        Raises:
            ProblemError: 404, there will be no reply any more; 422, the reply is to another body under the same key.
        """
        if reply is not None:
            check_same_run(reply, self.correlation_id)
        elif datetime.now(UTC) - self.issued > LONGEST_RUN:
            raise _unknown_response(self.agent.name, self.session_id, self.correlation_id)


def find_agent_run(req: func.HttpRequest, agents: AgentRegistry, ids: RunIds) -> AgentRun:
    """Return the run that the route parameters `agent`, `session` and `correlation_id` name.

    Raises:
        ProblemError: 404, there is no such agent, or the id was never handed out for this agent and session.
    """
    agent = agents.find(req.route_params["agent"])
    session_id, correlation_id = req.route_params["session"], req.route_params["correlation_id"]
    issued = ids.issued_at(correlation_id, agent.name, session_id) if is_session_id(session_id) else None
    if issued is None:
        raise _unknown_response(agent.name, session_id, correlation_id)
    return AgentRun(agent, session_id, correlation_id, issued)


def check_same_run(reply: Reply, correlation_id: str) -> None:
    """Let a repeat have the answer of the first request.

    Raises:
        ProblemError: 422, the first request under this key had another body.
    """
    if not has_same_body(reply.correlation_id, correlation_id):
        detail = "A run was started under this Idempotency-Key with another body. Repeat that one, or choose a new key."
        raise ProblemError(422, "idempotency-key-reused", detail)


def describe_answer(run: dict[str, Any], reply: Reply, agent: AgentDescription) -> dict[str, Any]:
    """Return the JSON of what came out of a run; `run` is what names it.

    `value` is there if the run had an output model, `used` if it exceeded its budget, `approvals` if humans were asked
    about tool calls: what, and what they have decided; a decision of null was never made.
    """
    approvals = {"approvals": [describe_request(request) for request in reply.tool_requests]}
    if reply.failure is None:
        answer = _describe_success(run, reply, agent)
    else:
        answer = _describe_failure(run, reply, reply.failure, agent)
    return {**answer, **approvals} if reply.tool_requests else answer


def describe_request(request: ToolRequest) -> dict[str, Any]:
    """Return the JSON of what a human is asked about a tool call."""
    return request.model_dump(mode="json", exclude={"correlation_id"})


def _describe_success(run: dict[str, Any], reply: Reply, agent: AgentDescription) -> dict[str, Any]:
    answer = {"response": reply.text, **run, "status": "success"}
    model = agent.output_models.get(reply.output_model or agent.default_output or "")
    if model is not None:
        answer["value"] = model.model_validate_json(reply.text).model_dump(mode="json")
    return {**answer, "message_count": reply.message_count, "usage": reply.usage}


def _describe_failure(run: dict[str, Any], reply: Reply, failure: Failure, agent: AgentDescription) -> dict[str, Any]:
    failed = {
        "response": None,
        **run,
        "status": "failed",
        "error": f"Agent {agent.name!r} failed ({failure.code}). {failure.message}",
        "error_code": failure.code,
        "retryable": failure.retryable,
        "usage": reply.usage,
    }
    return {**failed, "used": dict(failure.used)} if failure.used else failed


def _unknown_response(agent: str, session_id: str, correlation_id: str) -> ProblemError:
    detail = f"Agent {agent!r} has no response {correlation_id!r} in session {session_id!r}."
    return ProblemError(404, "unknown-response", detail)
