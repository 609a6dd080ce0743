"""Call agents from orchestrations so that a failure is a failure.

The durable agent of the framework reports a failed model call as an answer that has an `error` content and no text.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any, NoReturn, TypeAlias, TypeVar

import azure.durable_functions as df
from agent_framework import AgentResponse, AgentSession
from agent_framework_durabletask import DurableAIAgent
from pydantic import BaseModel

from durable_agents.sessions.conversation import find_failure
from durable_agents.sessions.failures import Failure

AnswerT = TypeVar("AnswerT", bound=BaseModel)
ResultT = TypeVar("ResultT")

GetAgent: TypeAlias = Callable[..., DurableAIAgent[Any]]
"""`AgentFunctionApp.get_agent`: (context, agent name) -> the durable agent, to be called from that orchestration."""

Steps: TypeAlias = Generator[Any, Any, ResultT]
"""What an orchestration, or a part of one, is: it yields durable tasks, is sent their results, and returns a result."""


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


def ask(
    agent: DurableAIAgent[Any], message: str, answer_model: type[AnswerT], session: AgentSession | None = None
) -> Steps[AnswerT]:
    """Have the agent answer in the form of `answer_model`; use with `yield from`.

    Without a `session` the agent answers in a new one, and remembers nothing of other calls.

    Raises:
        AgentError: The model call failed.
        AnswerError: The answer does not fit the model.
    """
    task = agent.run(message, session=session, options={"response_format": answer_model})
    try:
        yield task
    except (TypeError, ValueError):
        _raise_why(agent, task, answer_model)
    return _read_answer(agent, task, answer_model)


def ask_together(
    context: df.DurableOrchestrationContext,
    agents: Sequence[DurableAIAgent[Any]],
    message: str,
    answer_model: type[AnswerT],
) -> Steps[list[AnswerT]]:
    """Have several agents answer the same message at the same time, each in a new session; use with `yield from`.

    The answers come in the order of the agents. When one fails, the others' answers are not waited for.

    Raises:
        AgentError: A model call failed.
        AnswerError: An answer does not fit the model.
    """
    tasks = [agent.run(message, options={"response_format": answer_model}) for agent in agents]
    try:
        yield context.task_all(tasks)
    except (TypeError, ValueError):
        for agent, task in zip(agents, tasks, strict=True):
            if isinstance(task.result, Exception):
                _raise_why(agent, task, answer_model)
        raise
    return [_read_answer(agent, task, answer_model) for agent, task in zip(agents, tasks, strict=True)]


def _read_answer(agent: DurableAIAgent[Any], task: Any, answer_model: type[AnswerT]) -> AnswerT:
    raise_if_failed(agent.name, task.result)
    return answer_model.model_validate(task.result.value)


def _raise_why(agent: DurableAIAgent[Any], task: Any, answer_model: type[BaseModel]) -> NoReturn:
    """Raise what the exception in the task means.

    The package reads an answer before anybody can look for the error content in it, and trips over its absence.
    """
    (entity_call,) = task.children
    raise_if_failed(agent.name, entity_call.result)
    raise AnswerError(f"Agent {agent.name!r} did not answer with a {answer_model.__name__}.") from task.result


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
