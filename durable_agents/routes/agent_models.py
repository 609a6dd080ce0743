"""The JSON that the routes of agents take and answer with. A member with a default may be left out."""

from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, create_model

from durable_agents.routes.agent_requests import AgentRunBody
from durable_agents.sessions.agent_registry import AgentSummary, HostedAgent
from durable_agents.sessions.tool_requests import ToolDecision, ToolRequest


class AgentList(BaseModel):
    """The agents of the app."""

    agents: list[AgentSummary]


class DecidedToolCall(BaseModel):
    """A tool call that a human was asked about. A decision of null was never made."""

    request_id: str
    tool: str
    arguments: dict[str, Any]
    expires_at: datetime
    decision: ToolDecision | None

    @classmethod
    def list_of(cls, requests: Iterable[ToolRequest]) -> list[Self]:
        """Return what callers see of what humans were asked."""
        return [cls.model_validate(request.model_dump()) for request in requests]


class AgentRunNames(BaseModel):
    """What names a run of an agent."""

    session_id: str
    correlation_id: str
    message: str = Field(default="", description="What the agent was told; the pick-up of an answer has none.")


class AgentAnswer(AgentRunNames):
    """What an agent answered. `value` is the answer in the form of its output model, if it has one."""

    status: Literal["success"]
    response: str
    value: Any = None
    message_count: int
    usage: dict[str, int]
    approvals: list[DecidedToolCall] = []


class AgentFailure(AgentRunNames):
    """Why an agent did not answer. `used` is there if the run exceeded its budget."""

    status: Literal["failed"]
    response: None
    error: str
    error_code: str
    retryable: bool
    usage: dict[str, int]
    used: dict[str, int | float] = {}
    approvals: list[DecidedToolCall] = []


class AgentAccepted(AgentRunNames):
    """The agent is at work; `links` say where its answer will be."""

    status: Literal["accepted", "running"]
    response: str
    links: dict[str, str]


class AgentWaiting(AgentRunNames):
    """The agent waits for humans to decide on tool calls. They are asked on their own channel, not by this caller."""

    status: Literal["waiting_for_approval"]
    response: None
    approvals: list[DecidedToolCall]
    links: dict[str, str]


def run_body_of(agent: HostedAgent) -> type[BaseModel]:
    """Return the body of a request to run this agent: only its own output models can be asked for."""
    known: Any = Literal[tuple(agent.output_models)] | None if agent.output_models else None
    name, doc = f"{agent.name}RunBody", f"A message to {agent.name}."
    return create_model(name, __base__=AgentRunBody, __doc__=doc, response_format=(known, None))


def answer_of(agent: HostedAgent) -> type[BaseModel]:
    """Return what this agent answers: `value` has the form of one of its output models."""
    if not agent.output_models:
        return AgentAnswer
    value: Any = reduce(or_, agent.output_models.values())
    doc = AgentAnswer.__doc__
    return create_model(f"{agent.name}Answer", __base__=AgentAnswer, __doc__=doc, value=(value, None))
