"""A part of a turn: what an agent is given to work on, up to the end of the turn or to where it waits for a human."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from agent_framework import AgentResponse, Content, Message
from agent_framework_durabletask import RunRequest
from pydantic import BaseModel, ValidationError

from durable_agents.chat_clients.whole_answer import check_whole
from durable_agents.sessions.budget import RunBudget, Spent
from durable_agents.sessions.failures import INVALID_ANSWER, Failure, TurnFailedError


def check_named_model(message: Mapping[str, Any]) -> None:
    """Let a run request name an output model of a module that is loaded, as those of the app are.

    The package imports whatever module a request names, and importing runs its code; a signal may come from outside.
    A model that is not there any more it takes for none, and the agent would answer in prose.

    Raises:
        ValueError: It names another module, or what a loaded one does not have.
    """
    named = message.get("response_format")
    module = named.get("module") if isinstance(named, Mapping) else None
    if module is not None and module not in sys.modules:
        raise ValueError(f"The run request names an output model of module {module!r}, which the app does not load.")
    name = str(named.get("qualname")) if isinstance(named, Mapping) and module is not None else "<locals>"
    if "<locals>" not in name and not _has(sys.modules[str(module)], name):
        raise ValueError(f"The run request names an output model {name!r}, which module {module!r} does not have.")


def _has(module: object, qualified_name: str) -> bool:
    try:
        return attrgetter(qualified_name)(module) is not None
    except AttributeError:
        return False


@dataclass(frozen=True, slots=True)
class Segment:
    """The part of a turn that is worked on: up to its end, or to where it waits for a human.

    Attributes:
        request: The message of the turn.
        budget: What the caller lets the whole turn use.
        number: The number of the part, from 1.
        said: The messages of the parts before, with the results of rejected calls.
        approved: The approvals of calls that are to be made now.
        spent: What the parts before have used.
        provided: What tools find in the `metadata` of their context.
        chain: How many runs have followed one another up to the result that this turn is told, if it is told one.
    """

    request: RunRequest
    budget: RunBudget
    number: int = 1
    said: Sequence[Message] = ()
    approved: Sequence[Content] = ()
    spent: Spent = field(default_factory=Spent)
    provided: Mapping[str, Any] = field(default_factory=dict)
    chain: int = 0

    @property
    def key(self) -> str:
        """What names this part within its session; the first part has the name of the run."""
        run = self.request.correlation_id
        return run if self.number == 1 else f"{run}/{self.number}"

    @property
    def messages(self) -> list[Message]:
        """What the model gets after the conversation before this turn."""
        messages = [Message(self.request.role, [self.request.message]), *self.said]
        return [*messages, Message("user", list(self.approved))] if self.approved else messages

    @property
    def options(self) -> dict[str, Any]:
        """The options of the agent's run."""
        options = dict(self.request.options)
        if self.request.response_format is not None:
            options["response_format"] = self.request.response_format
        if not self.request.enable_tool_calls:
            options["tool_choice"] = "none"
        return options

    def complete(self, response: AgentResponse, usage: Mapping[str, int]) -> AgentResponse:
        """Return the response of the whole turn, of which `response` is the last part.

        `usage` is the sum of its model calls, failed attempts included; an agent without a chat client has none.
        """
        total: Any = dict(usage) or response.usage_details
        if self.number == 1:
            response.usage_details = total
            return response
        messages = [*self.said, *response.messages]
        return AgentResponse(messages=messages, created_at=response.created_at, usage_details=total)

    def check_form(self, response: AgentResponse, default: type[BaseModel] | None) -> None:
        """Let the turn end with a whole response in the form that was asked for, or in that of the `default` model.

        Raises:
            InvalidAnswerError: It is empty or cut off, which only an agent without a chat client gets this far.
            TurnFailedError: It has another form.
        """
        check_whole(response)
        output_model = self.request.response_format or default
        if output_model is None:
            return
        try:
            output_model.model_validate_json(response.text)
        except ValidationError as error:
            message = f"The model's answer is not a valid {output_model.__name__}."
            raise TurnFailedError(Failure(INVALID_ANSWER, message, retryable=True)) from error
