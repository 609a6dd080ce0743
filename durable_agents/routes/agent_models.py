"""The JSON that the routes of agents take and answer with, as models for the OpenAPI document.

A member with a default may be left out.
"""

from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Literal

from pydantic import BaseModel, Field, create_model

from durable_agents.routes.agent_requests import AgentRunBody
from durable_agents.sessions.agent_registry import AgentDescription
from durable_agents.sessions.budget import RunBudget
from durable_agents.sessions.tool_requests import ToolDecision


class OutputModel(BaseModel):
    """A model that an agent can be asked to answer with; the default is the one of a run that asks for none."""

    name: str
    default: bool
    json_schema: dict[str, Any] = Field(serialization_alias="schema")


class McpServerSummary(BaseModel):
    """A server whose tools an agent has; no allowed tools mean all of them."""

    name: str
    url: str
    allowed_tools: list[str] | None


class AgentSummary(BaseModel):
    """An agent: what it does, what it can be asked for, what a run of it may use, where to reach it."""

    name: str
    description: str | None
    tools: list[str]
    mcp_servers: list[McpServerSummary]
    output_models: list[OutputModel]
    budget: RunBudget
    links: dict[str, str]


class AgentList(BaseModel):
    """The agents of the app."""

    agents: list[AgentSummary]


class _AgentRunNames(BaseModel):
    session_id: str
    correlation_id: str
    message: str = Field(default="", description="What the agent was told; the pick-up of an answer has none.")


class DecidedToolCall(BaseModel):
    """A tool call that a human was asked about. A decision of null was never made."""

    request_id: str
    tool: str
    arguments: dict[str, Any]
    expires_at: datetime
    decision: ToolDecision | None


class AgentAnswer(_AgentRunNames):
    """What an agent answered. `value` is the answer in the form of its output model, if it has one."""

    status: Literal["success"]
    response: str
    value: Any = None
    message_count: int
    usage: dict[str, int]
    approvals: list[DecidedToolCall] = []


class AgentFailure(_AgentRunNames):
    """Why an agent did not answer. `used` is there if the run exceeded its budget."""

    status: Literal["failed"]
    response: None
    error: str
    error_code: str
    retryable: bool
    usage: dict[str, int]
    used: dict[str, float] = {}
    approvals: list[DecidedToolCall] = []


class AgentAccepted(_AgentRunNames):
    """The agent is at work; `links` say where its answer will be."""

    status: Literal["accepted", "running"]
    response: str
    links: dict[str, str]


class AgentWaiting(_AgentRunNames):
    """The agent waits for humans to decide on tool calls. They are asked on their own channel, not by this caller."""

    status: Literal["waiting_for_approval"]
    response: None
    approvals: list[DecidedToolCall]
    links: dict[str, str]


def run_body_of(agent: AgentDescription) -> type[BaseModel]:
    """Return the body of a request to run this agent: only its own output models can be asked for."""
    known: Any = Literal[tuple(agent.output_models)] | None if agent.output_models else None
    name, doc = f"{agent.name}RunBody", f"A message to {agent.name}."
    return create_model(name, __base__=AgentRunBody, __doc__=doc, response_format=(known, None))


def answer_of(agent: AgentDescription) -> type[BaseModel]:
    """Return what this agent answers: `value` has the form of one of its output models."""
    if not agent.output_models:
        return AgentAnswer
    value: Any = reduce(or_, agent.output_models.values())
    return create_model(f"{agent.name}Answer", __base__=AgentAnswer, __doc__=AgentAnswer.__doc__, value=(value, None))
