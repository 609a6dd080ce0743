"""Call agents from orchestrations so that a failure is a failure.

The durable agent of the framework reports a failed model call as an answer that has an `error` content and no text.
"""

from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias, TypeVar

from agent_framework import AgentResponse
from agent_framework_durabletask import DurableAIAgent
from pydantic import BaseModel

from durable_agents.sessions.conversation import find_failure
from durable_agents.sessions.failures import Failure

AnswerT = TypeVar("AnswerT", bound=BaseModel)

GetAgent: TypeAlias = Callable[..., DurableAIAgent[Any]]
"""`AgentFunctionApp.get_agent`: (context, agent name) -> the durable agent, to be called from that orchestration."""


class AgentError(Exception):
    """An agent could not answer; the run fails, unless it handles this.

    Attributes:
        failure: Why, and whether the same message may succeed later.
    """

    def __init__(self, agent: str, failure: Failure) -> None:
        super().__init__(f"Agent {agent!r} failed: {failure.code}. The log of the function app has the model's error.")
        self.failure = failure

    @property
    def error_code(self) -> str:
        """The code of the failure."""
        return self.failure.code


class AnswerError(Exception):
    """An agent answered, but not in the form it was asked for."""


def read_answer(agent: str, task: Any, answer_model: type[AnswerT]) -> AnswerT:
    """Return the answer in a task of an agent that has ended well, in the form it was asked for.

    Raises:
        AgentError: The model call failed.
    """
    raise_if_failed(agent, task.result)
    return answer_model.model_validate(task.result.value)


def read_text(agent: str, task: Any) -> str:
    """Return the answer in a task of an agent that has ended well, as text.

    Raises:
        AgentError: The model call failed.
    """
    raise_if_failed(agent, task.result)
    text: str = task.result.text
    return text


def raise_why(agent: str, task: Any, answer_model: type[Any]) -> NoReturn:
    """Raise what the exception in the task of an agent means.

    The package reads an answer before anybody can look for the error content in it, and trips over its absence.
    """
    (entity_call,) = task.children
    raise_if_failed(agent, entity_call.result)
    raise AnswerError(f"Agent {agent!r} did not answer with a {answer_model.__name__}.") from task.result


def raise_if_failed(agent: str, answer: AgentResponse | dict[str, Any]) -> None:
    """Raise if `answer`, of the named agent, is the report of a failure.

    Raises:
        AgentError: It is.
    """
    if isinstance(answer, dict) and "messages" not in answer:
        # The entity itself failed, outside the model call: {"error": text, "status": "error"}.
        raise AgentError(agent, Failure("EntityOperationFailed", "The session's entity could not run the agent."))
    response = AgentResponse.from_dict(answer) if isinstance(answer, dict) else answer
    failure = find_failure(response)
    if failure is not None:
        raise AgentError(agent, Failure.from_content(failure))
