"""One run of an agent, and what callers get to know of how it ended: the same from every route that tells it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from durable_agents.http.problems import ProblemError
from durable_agents.ids import SESSION_ID, fits
from durable_agents.routes.agent_models import AgentAnswer, AgentFailure, DecidedToolCall
from durable_agents.sessions.agent_registry import AgentRegistry, HostedAgent
from durable_agents.sessions.correlation import LONGEST_RUN, RunIds, has_same_body
from durable_agents.sessions.failures import Failure
from durable_agents.sessions.lost import LostRuns
from durable_agents.sessions.responses import StoredResponse
from durable_agents.sessions.signal import entity_of


@dataclass(frozen=True, slots=True)
class AgentRun:
    """A run whose id this app has handed out; it may be at work, ended or lost.

    `message` is what the agent was told, where the caller has just said it.
    """

    agent: HostedAgent
    session_id: str
    correlation_id: str
    issued: datetime
    message: str | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """The segments of the route at which its response is picked up."""
        return ("agents", self.agent.name, "sessions", self.session_id, "responses", self.correlation_id)

    @property
    def names(self) -> dict[str, Any]:
        """The members that name the run in every answer."""
        message = {} if self.message is None else {"message": self.message}
        return {**message, "session_id": self.session_id, "correlation_id": self.correlation_id}

    async def look_for(self, client: df.DurableOrchestrationClient, lost: LostRuns) -> None:
        """Find out whether the run was lost, as nothing of it is known: who asks again is told."""
        entity, age = entity_of(self.agent.name, self.session_id), datetime.now(UTC) - self.issued
        await lost.ask(client, entity, self.correlation_id, age)

    def check(self, response: StoredResponse | None) -> None:
        """Accept the response to this run, or that there is none yet.

        Raises:
            ProblemError: 404, there will be none any more; 422, it is to another body under the same key.
        """
        if response is None:
            if datetime.now(UTC) - self.issued > LONGEST_RUN:
                raise _unknown_response(self.agent.name, self.session_id, self.correlation_id)
        elif not has_same_body(response.correlation_id, self.correlation_id):
            detail = (
                "A run was started under this Idempotency-Key with another body. Repeat that one, or choose a new key."
            )
            raise ProblemError(422, "idempotency-key-reused", detail)

    def ended_with(self, response: StoredResponse) -> AgentAnswer | AgentFailure:
        """Return what came out of the run.

        `value` is there if it had an output model, `used` if it exceeded its budget, `approvals` if humans were asked
        about tool calls: what, and what they have decided.
        """
        failure = response.failure
        outcome = self._answer(response) if failure is None else self._failure(response, failure)
        if response.tool_requests:
            outcome.approvals = DecidedToolCall.list_of(response.tool_requests)
        return outcome

    def _answer(self, response: StoredResponse) -> AgentAnswer:
        answer = AgentAnswer(
            **self.names,
            status="success",
            response=response.text,
            message_count=response.message_count,
            usage=response.usage,
        )
        model = self.agent.output_models.get(response.output_model or self.agent.default_output or "")
        if model is not None:
            answer.value = model.model_validate_json(response.text).model_dump(mode="json")
        return answer

    def _failure(self, response: StoredResponse, failure: Failure) -> AgentFailure:
        failed = AgentFailure(
            **self.names,
            status="failed",
            response=None,
            error=f"Agent {self.agent.name!r} failed ({failure.code}). {failure.message}",
            error_code=failure.code,
            retryable=failure.retryable,
            usage=response.usage,
        )
        if failure.used:
            failed.used = dict(failure.used)
        return failed


def find_agent_run(req: func.HttpRequest, agents: AgentRegistry, ids: RunIds) -> AgentRun:
    """Return the run that the route parameters `agent`, `session` and `correlation_id` name.

    Raises:
        ProblemError: 404, there is no such agent, or the id was never handed out for this agent and session.
    """
    agent = agents.find(req.route_params["agent"])
    session_id, correlation_id = req.route_params["session"], req.route_params["correlation_id"]
    issued = ids.issued_at(correlation_id, agent.name, session_id) if fits(SESSION_ID, session_id) else None
    if issued is None:
        raise _unknown_response(agent.name, session_id, correlation_id)
    return AgentRun(agent, session_id, correlation_id, issued)


def _unknown_response(agent: str, session_id: str, correlation_id: str) -> ProblemError:
    detail = f"Agent {agent!r} has no response {correlation_id!r} in session {session_id!r}."
    return ProblemError(404, "unknown-response", detail)
