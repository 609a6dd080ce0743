"""Change what a run does from outside: cancel it, suspend it, make it go on, forget it."""

from collections.abc import Callable

import azure.durable_functions as df
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from durable_agents.http.problems import ProblemError
from durable_agents.orchestration.registry import OrchestrationRegistry
from durable_agents.polling import poll
from durable_agents.runs.status import find_run
from durable_agents.runs.task_hub import TaskHubAnswer, TaskHubError, ask_task_hub

# How long a caller waits for the effect.
_WAIT_SECONDS = 5.0
# What the task hub answers when the instance is gone, is over, or is in another state than the operation needs.
_NOT_NOW = {404, 409, 410, 412}
_WRONG_STATE = "System.InvalidOperationException"


async def ask_for(client: df.DurableOrchestrationClient, instance_id: str, operation: str, reason: str) -> bool:
    """Ask the task hub for an operation on a run; False says that the state of the run does not allow it any more.

    Raises:
        ProblemError: 501, the storage provider of the task hub does not have this operation.
        TaskHubError: The task hub answered otherwise.
    """
    path = f"instances/{instance_id}/{operation}"
    return _was_taken(await ask_task_hub(client, "POST", path, {"reason": reason}), operation)


async def purge_instance(client: df.DurableOrchestrationClient, instance_id: str) -> bool:
    """Remove a run that is over, with its history; False says that it is gone already, or not over.

    Raises:
        ProblemError: 501, the storage provider of the task hub cannot do that.
        TaskHubError: The task hub answered otherwise.
    """
    return _was_taken(await ask_task_hub(client, "DELETE", f"instances/{instance_id}"), "purge")


async def wait_for_state(
    client: df.DurableOrchestrationClient,
    orchestrations: OrchestrationRegistry,
    instance_id: str,
    reached: Callable[[DurableOrchestrationStatus], bool],
    seconds: float = _WAIT_SECONDS,
) -> DurableOrchestrationStatus | None:
    """Return the run once `reached` holds for it, or None when the time is over.

    Raises:
        ProblemError: 404, the run does not exist.
    """

    async def look() -> DurableOrchestrationStatus | None:
        status = await find_run(client, orchestrations, instance_id)
        return status if reached(status) else None

    return await poll(look, seconds)


def _was_taken(answer: TaskHubAnswer, operation: str) -> bool:
    if answer.status in (200, 202):
        return True
    if answer.is_unsupported:
        detail = f"The storage provider of this task hub has no {operation}. Nothing was changed."
        raise ProblemError(501, "not-supported-by-backend", detail)
    fault = answer.body if isinstance(answer.body, dict) else {}
    if answer.status in _NOT_NOW or (answer.status == 500 and fault.get("ExceptionType") == _WRONG_STATE):
        return False
    raise TaskHubError(f"The task hub answered {operation} with HTTP {answer.status}: {answer.body}")
