"""A turn that waits for a human: what it needs to go on, what was asked, and what was decided.

It is kept in the session's state under `extensionData`, like the record of a compaction. A summary of older turns does
not touch it; a reset or the deletion of the session drops it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from agent_framework import (
    Agent,
    AgentResponse,
    Content,
    FunctionInvocationLayer,
    FunctionTool,
    Message,
    SupportsAgentRun,
)
from agent_framework_durabletask import DurableAgentState, RunRequest
from pydantic import BaseModel

from durable_agents.sessions.budget import RunBudget, Spent
from durable_agents.sessions.conversation import extension_data, told_run
from durable_agents.sessions.failures import Failure, TurnFailedError
from durable_agents.sessions.segment import Segment
from durable_agents.sessions.tool_requests import ToolDecision, ToolRequest, record_requests

MOST_PARTS = 20
"""How often one turn may wait: a model that asks again after every rejection comes to an end."""

APPROVAL_EXPIRED = Failure("approval_expired", "Nobody has decided in time on a tool call that needs an approval.")
"""How a turn ends whose requests nobody has decided on."""

APPROVAL_PENDING = Failure(
    "approval_pending", "An earlier message of the session waits until a human has decided on a tool call.", True
)
"""How a message ends that arrives while a turn waits."""

_LAST_WAY = timedelta(minutes=1)
"""How long after the deadline a decision that came in time may be on its way from the run that has counted it."""

_PENDING = "pendingTurn"
_REQUEST = "function_approval_request"


class WaitingCall(BaseModel):
    """A tool call of the model. Without a `request` it needs no decision and waits for the others of its batch."""

    call: dict[str, Any]
    request: ToolRequest | None = None


class PendingTurn(BaseModel):
    """A turn that waits; `messages` are what it has after the user's message, `part` counts from 1."""

    request: dict[str, Any]
    budget: RunBudget
    part: int
    messages: list[dict[str, Any]]
    calls: list[WaitingCall]
    spent: Spent
    expires_at: datetime
    is_given_up: bool = False
    chain: int = 0

    @property
    def requests(self) -> list[ToolRequest]:
        """What is asked, in the order of the model's calls."""
        return [call.request for call in self.calls if call.request is not None]

    @property
    def open_requests(self) -> list[ToolRequest]:
        """What nobody has decided on yet."""
        return [request for request in self.requests if request.decision is None]

    @property
    def is_decided(self) -> bool:
        """Whether the turn can go on."""
        return not self.open_requests

    @property
    def correlation_id(self) -> str:
        """The id of the run this turn belongs to."""
        return str(self.request["correlationId"])

    @property
    def response(self) -> AgentResponse:
        """What the session's entity answers for the turn: the messages so far."""
        return AgentResponse(messages=[Message.from_dict(message) for message in self.messages])

    def is_expired(self, now: datetime) -> bool:
        """Say whether the turn is over because nobody decided in time.

        The runs that ask know: they count what came before the deadline, and tell when nothing did. A run that was
        ended tells nothing.
        """
        return not self.is_decided and (self.is_given_up or now >= self.expires_at + _LAST_WAY)


def allow_approvals(agent: SupportsAgentRun) -> None:
    """Have the agent's chat client make the tool calls that `next_segment` approves.

    By default it does so only with its own record of what it has asked, in a session of its own. Here that record is
    the `PendingTurn`: an approval is made from it and nowhere else, and a caller's message is never more than text.
    """
    client = agent.client if isinstance(agent, Agent) else None
    if isinstance(client, FunctionInvocationLayer):
        client.function_invocation_configuration["disable_approval_response_binding"] = True


def find_free_tools(agent: SupportsAgentRun) -> frozenset[str]:
    """Return the names of the agent's tools that run without asking a human."""
    options: dict[str, Any] = getattr(agent, "default_options", {})
    tools = [tool for tool in options.get("tools") or () if isinstance(tool, FunctionTool)]
    return frozenset(tool.name for tool in tools if tool.approval_mode == "never_require")


def find_waiting_calls(response: AgentResponse) -> list[Content]:
    """Return the tool calls with which the framework has ended a run, because some of them need an approval."""
    contents = (content for message in response.messages for content in message.contents)
    return [c.function_call for c in contents if c.type == _REQUEST and c.function_call is not None]


def park(
    segment: Segment, response: AgentResponse, free_tools: frozenset[str], spent: Spent, expires_at: datetime
) -> PendingTurn:
    """Return the turn as it waits with the tool calls at the end of `response`.

    Calls of `free_tools` need no decision; the framework holds them back only because another one of the batch does.

    Raises:
        TurnFailedError: An orchestration asked, which has approvals of its own; the tool runs at the model's provider;
            or the turn has waited too often.
    """
    calls = find_waiting_calls(response)
    is_asked_by_a_run = segment.request.orchestration_id is not None and told_run(segment.request) is None
    if is_asked_by_a_run or any(call.hosted for call in calls):
        message = "The agent wants to call a tool that a human has to approve first, which is not possible here."
        raise TurnFailedError(Failure("approval_required", message))
    if segment.number >= MOST_PARTS:
        message = f"The run has waited {MOST_PARTS - 1} times for the approval of a tool, and asks again."
        raise TurnFailedError(Failure("too_many_approvals", message))
    return PendingTurn(
        request=segment.request.to_dict(),
        budget=segment.budget,
        part=segment.number,
        messages=[message.to_dict() for message in _without_requests([*segment.said, *response.messages])],
        calls=[
            WaitingCall(
                call=call.to_dict(),
                request=None if call.name in free_tools else _open_request(segment, number, call, expires_at),
            )
            for number, call in enumerate(calls)
        ],
        spent=spent,
        expires_at=expires_at,
        chain=segment.chain,
    )


def keep_pending(state: DurableAgentState, pending: PendingTurn) -> None:
    """Keep the turn in the session, in the place of an earlier state of it."""
    state.data.extension_data = {**(state.data.extension_data or {}), _PENDING: pending.model_dump(mode="json")}


def read_pending(state: DurableAgentState) -> PendingTurn | None:
    """Return the turn with which the session waits, or None."""
    return _read_pending(state.data.extension_data)


def find_pending(state: Mapping[str, Any]) -> PendingTurn | None:
    """Return the turn with which the session waits, or None, from the state as it is stored."""
    return _read_pending(extension_data(state))


def decide(state: DurableAgentState, request_id: str, decision: ToolDecision) -> bool:
    """Record a decision, and say whether the turn can go on now.

    The first decision on a request counts. A later one changes nothing, nor does one after the turn has been given up
    or has ended; that the turn can go on is said again, so that nothing is lost when this is repeated.
    """
    pending = read_pending(state)
    if pending is None or pending.is_given_up:
        return False
    for request in pending.requests:
        if request.request_id == request_id and request.decision is None:
            request.decision = decision
    keep_pending(state, pending)
    return pending.is_decided


def give_up(state: DurableAgentState, request_id: str) -> None:
    """Note that nobody has decided in time on a request, so that the turn is over."""
    pending = read_pending(state)
    if pending is not None and any(request.request_id == request_id for request in pending.open_requests):
        pending.is_given_up = True
        keep_pending(state, pending)


def end_pending(state: DurableAgentState) -> None:
    """Let the session wait no more, and keep what was asked and decided."""
    pending = read_pending(state)
    if pending is None:
        return
    extension = state.data.extension_data or {}
    state.data.extension_data = {name: value for name, value in extension.items() if name != _PENDING}
    record_requests(state, pending.requests)


def next_segment(pending: PendingTurn, provided: Mapping[str, Any]) -> Segment:
    """Return the part with which a decided turn goes on: approved calls are made, rejected ones get that as result."""
    said = [Message.from_dict(message) for message in pending.messages]
    rejected = [_rejection(call) for call in pending.calls if not _is_approved(call)]
    return Segment(
        request=RunRequest.from_dict(pending.request),
        budget=pending.budget,
        number=pending.part + 1,
        said=[*said, Message("tool", rejected)] if rejected else said,
        approved=[_approval(call) for call in pending.calls if _is_approved(call)],
        spent=pending.spent,
        provided=provided,
        chain=pending.chain,
    )


def _read_pending(extension: Mapping[str, Any] | None) -> PendingTurn | None:
    stored = (extension or {}).get(_PENDING)
    return None if stored is None else PendingTurn.model_validate(stored)


def _open_request(segment: Segment, number: int, call: Content, expires_at: datetime) -> ToolRequest:
    tool, arguments = str(call.name), call.parse_arguments() or {}
    asked = json.dumps([segment.key, number, tool, arguments], sort_keys=True, default=str)
    return ToolRequest(
        request_id=hashlib.sha256(asked.encode()).hexdigest()[:32],
        correlation_id=segment.request.correlation_id,
        tool=tool,
        arguments=arguments,
        expires_at=expires_at,
    )


def _without_requests(messages: Sequence[Message]) -> list[Message]:
    """Return the messages with their tool calls, but without the framework's requests to approve these."""
    kept = []
    for message in messages:
        contents = [content for content in message.contents if content.type != _REQUEST]
        if contents:
            kept.append(Message(message.role, contents, author_name=message.author_name, message_id=message.message_id))
    return kept


def _is_approved(call: WaitingCall) -> bool:
    return call.request is None or (call.request.decision is not None and call.request.decision.approved)


def _approval(call: WaitingCall) -> Content:
    stored = Content.from_dict(call.call)
    return Content.from_function_approval_response(True, str(stored.id or stored.call_id), stored)


def _rejection(call: WaitingCall) -> Content:
    decision = call.request.decision if call.request is not None else None
    feedback = f" Feedback: {decision.feedback}" if decision is not None and decision.feedback else ""
    text = f"A human has rejected this call, so the tool was not run.{feedback}"
    return Content.from_function_result(str(call.call["call_id"]), result=text)
