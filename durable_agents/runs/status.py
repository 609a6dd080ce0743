"""Find a run in the task hub and describe it to callers of the API."""

import json
import re
from typing import Any

import azure.durable_functions as df
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from durable_agents.http.problems import ProblemError
from durable_agents.ids import INSTANCE_ID, fits
from durable_agents.orchestration.completion_reports import WEBHOOK_FIELD, first_line
from durable_agents.orchestration.events import KEPT_EVENTS
from durable_agents.orchestration.registry import OrchestrationRegistry
from durable_agents.orchestration.spending import ALLOWANCE_FIELD, ChildEnd, read_usage
from durable_agents.runs.run_models import RunState
from durable_agents.sessions.run_results import RESULT_FIELD, ResultAddress

FINGERPRINT_FIELD = "request_fingerprint"
"""The field of a stored input that names the request body it came from; no orchestration reads it."""

STARTED_BY_FIELD = "started_by"
"""The field of a stored input that names the agent session a run was started from, if any."""

INTERNAL_FIELDS = {FINGERPRINT_FIELD, STARTED_BY_FIELD, WEBHOOK_FIELD, RESULT_FIELD, ALLOWANCE_FIELD, KEPT_EVENTS}
_States = df.OrchestrationRuntimeStatus
_OVER = {_States.Completed, _States.Failed, _States.Terminated, _States.Canceled}


async def find_run(
    client: df.DurableOrchestrationClient, orchestrations: OrchestrationRegistry, instance_id: str
) -> DurableOrchestrationStatus:
    """Return the status of a run, its input included.

    Raises:
        ProblemError: 404, nothing has this id; agent sessions are no runs. 409, what has it is of an orchestration that
            this app does not have, and no more of it is shown: it may be another app's, or of a name of before.
    """
    status = await client.get_status(instance_id, show_input=True) if fits(INSTANCE_ID, instance_id) else None
    if status and orchestrations.find(status.name) is not None:
        return status
    if status:
        raise orchestration_missing(instance_id, status)
    raise ProblemError(404, "unknown-run", f"There is no run {instance_id!r}. Check the id that its start returned.")


def orchestration_missing(instance_id: str, status: DurableOrchestrationStatus) -> ProblemError:
    """Return the answer for a run that is there, though this app cannot go on with it."""
    detail = (
        f"The run {instance_id!r} is there, but it is one of {str(status.name)!r}, and this app has no such "
        "orchestration. Was it renamed or removed? Deploy an app that has it under that name, and the run goes on."
    )
    return ProblemError(409, "orchestration-missing", detail)


def is_over(status: DurableOrchestrationStatus) -> bool:
    """Say whether the run has ended, in whatever way."""
    return status.runtime_status in _OVER


def can_be_rewound(status: DurableOrchestrationStatus) -> bool:
    """Say whether the run may try again what failed.

    One that has told its failure may not: that is in its history, where the failure is to be taken out.
    """
    stored = read_input(status)
    has_told = _has_been_added_to(stored) and not stored.keys().isdisjoint({WEBHOOK_FIELD, RESULT_FIELD})
    return status.runtime_status is _States.Failed and not has_told


def result_address(status: DurableOrchestrationStatus) -> ResultAddress | None:
    """Return the session that is told the result of the run, or None if none is."""
    stored = read_input(status)
    address = stored.get(RESULT_FIELD) if _has_been_added_to(stored) else None
    return None if address is None else ResultAddress.model_validate(address)


def state_of(status: DurableOrchestrationStatus) -> str | None:
    """Return the runtime status by name, as callers see it."""
    return None if status.runtime_status is None else str(status.runtime_status.name)


def read_stored_input(status: DurableOrchestrationStatus) -> Any:
    """Return the stored input of a run, whatever JSON it is. What the SDK stored comes back as JSON text."""
    stored = status.input_
    try:
        return json.loads(stored) if isinstance(stored, str) else stored
    except ValueError:
        # A text that somebody else has stored.
        return stored


def read_input(status: DurableOrchestrationStatus) -> dict[str, Any]:
    """Return the stored input of a run, `{}` if it is no JSON object."""
    stored = read_stored_input(status)
    return stored if isinstance(stored, dict) else {}


def open_waits(status: DurableOrchestrationStatus) -> list[dict[str, Any]]:
    """Return all that a run waits for from outside at this moment, the first one with all its text."""
    first, others = waiting_for(status), _shown(status).get("requests")
    waits = [one for one in others if isinstance(one, dict)] if isinstance(others, list) else []
    waits = [first, *(one for one in waits if one.get("event_name") != first.get("event_name"))]
    return [wait for wait in waits if wait]


def hides_waits(orchestrations: OrchestrationRegistry, status: DurableOrchestrationStatus) -> bool:
    """Say whether the run has a custom status of its author's own kind, in which nothing says what it waits for."""
    orchestration, shown = orchestrations.find(status.name), status.custom_status
    if orchestration is None or not orchestration.is_decorated or shown is None:
        return False
    names_none = not any("event_name" in wait for wait in open_waits(status))
    return names_none and (not isinstance(shown, dict) or bool(shown.get("waiting_for") or shown.get("requests")))


def waiting_for(status: DurableOrchestrationStatus) -> dict[str, Any]:
    """Return what a run waits for from outside, as it says itself; `{}` for nothing."""
    shown = _shown(status).get("waiting_for")
    return shown if isinstance(shown, dict) else {}


def describe_run(status: DurableOrchestrationStatus) -> RunState:
    """Return what a caller sees of a run: `output` once it is completed, `error` when it ended in any other way."""
    is_completed = status.runtime_status is _States.Completed
    stage = _shown(status).get("stage")
    return RunState(
        instance_id=str(status.instance_id),
        orchestration=str(status.name),
        runtime_status=state_of(status),
        stage=stage if isinstance(stage, str) else None,
        waiting_for=waiting_for(status) or None,
        requests=open_waits(status),
        input=_sent_input(status),
        output=_output(status) if is_completed else None,
        error=first_line(status.output) if is_over(status) and not is_completed else None,
        usage=read_usage(status.custom_status),
        created_at=status.created_time,
        last_updated_at=status.last_updated_time,
    )


def _sent_input(status: DurableOrchestrationStatus) -> Any:
    """Return the input without what the start has added to it."""
    stored = read_stored_input(status)
    if isinstance(stored, dict) and _has_been_added_to(stored):
        return {name: value for name, value in stored.items() if name not in INTERNAL_FIELDS}
    return stored


def _output(status: DurableOrchestrationStatus) -> Any:
    """Return what the orchestration has returned: a child that is counted completes with more."""
    return ChildEnd.read(status.output).child_output if ALLOWANCE_FIELD in read_input(status) else status.output


def _has_been_added_to(stored: dict[str, Any]) -> bool:
    """Say whether a stored input has an allowance or a fingerprint, empty in one that was restarted: others are as they
    were sent.
    """
    if ALLOWANCE_FIELD in stored:
        return True
    return re.fullmatch("([0-9a-f]{64})?", str(stored.get(FINGERPRINT_FIELD, "none"))) is not None


def _shown(status: DurableOrchestrationStatus) -> dict[str, Any]:
    """Return what a run that goes on shows of itself; what it showed last is past once it is over."""
    is_shown = not is_over(status) and isinstance(status.custom_status, dict)
    return status.custom_status if is_shown else {}
