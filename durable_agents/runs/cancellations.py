"""Tell the conversation in which a run was started that somebody has cancelled it: the run itself cannot any more."""

import azure.durable_functions as df
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from durable_agents.orchestration.completion_reports import first_line
from durable_agents.runs.status import result_address, state_of
from durable_agents.sessions.run_results import RunResult


async def tell_of_cancellation(client: df.DurableOrchestrationClient, status: DurableOrchestrationStatus) -> None:
    """Tell it, if the run was cancelled and its result is awaited. Told again, it is one message still."""
    to = result_address(status)
    if to is None or state_of(status) != "Terminated":
        return
    reason = first_line(status.output) or "none was given"
    result = RunResult(
        run_id=str(status.instance_id), orchestration=str(status.name), status="Terminated", text=reason, to=to
    )
    await client.signal_entity(to.entity, "result", result.model_dump(mode="json"))
