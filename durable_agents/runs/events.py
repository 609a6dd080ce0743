"""Raise external events so that the orchestration reads what its sender has sent."""

import json
from typing import Any

import azure.durable_functions as df

from durable_agents.orchestration.registry import Orchestration
from durable_agents.runs.task_hub import TaskHubError, ask_task_hub


async def raise_event(
    client: df.DurableOrchestrationClient, orchestration: Orchestration, instance_id: str, name: str, payload: Any
) -> None:
    """Raise the event; the id and the name must have been checked.

    The client of the SDK sends JSON as a text that holds JSON. The library's own orchestrations read both; one by
    decorator would get a text where it was shown an object.

    Raises:
        Exception: The task hub does not take it, as a rule because the run has ended.
    """
    if not orchestration.is_decorated:
        await client.raise_event(instance_id, name, payload)
        return
    answer = await ask_task_hub(
        client, "POST", f"instances/{instance_id}/raiseEvent/{name}", json_text=json.dumps(payload)
    )
    if answer.status != 202:
        raise TaskHubError(f"The task hub answered event {name!r} with HTTP {answer.status}: {answer.body}")
