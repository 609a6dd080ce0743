"""Cancel, suspend, resume, rewind, restart and delete a run. Each is possible in some states only, else 409."""

from dataclasses import dataclass
from functools import partial

import azure.durable_functions as df
import azure.functions as func
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus
from pydantic import BaseModel, Field

from durable_agents.http.contracts import IDEMPOTENCY, Contract
from durable_agents.http.problems import ProblemError
from durable_agents.http.requests import (
    accepted,
    json_response,
    read_body,
    read_idempotency_key,
    read_json_object,
    read_model,
)
from durable_agents.http.routing import Router
from durable_agents.orchestration.registry import OrchestrationRegistry
from durable_agents.orchestration.spending import ALLOWANCE_FIELD
from durable_agents.owners import owned, owner_of
from durable_agents.runs.cancellations import tell_of_cancellation
from durable_agents.runs.control import ask_for, wait_for_state
from durable_agents.runs.purge import RunPurge
from durable_agents.runs.run_models import ChangeAccepted, Run, RunAccepted
from durable_agents.runs.run_view import RunView
from durable_agents.runs.starts import RunStarts, instance_id_for, new_instance_id
from durable_agents.runs.status import (
    FINGERPRINT_FIELD,
    can_be_rewound,
    find_run,
    is_over,
    read_stored_input,
    result_address,
    state_of,
)
from durable_agents.sessions.correlation import RunIds
from durable_agents.sessions.run_results import RESULT_FIELD


class ReasonBody(BaseModel):
    """Why a run is changed, for those who look at it later; the body may be left out."""

    reason: str = Field(default="Asked for over HTTP.", min_length=1, max_length=500)


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of a run's state.

    Attributes:
        operation: Its name at the task hub.
        done: The participle, for people.
        possible_in: The states in which it can be asked for.
        pointless_in: The states in which there is nothing to do, so that a repeat is no mistake.
    """

    operation: str
    done: str
    possible_in: tuple[str, ...]
    pointless_in: tuple[str, ...] = ()


_CANCEL = _Change("terminate", "canceled", ("Pending", "Running", "Suspended"), ("Terminated",))
_SUSPEND = _Change("suspend", "suspended", ("Pending", "Running"), ("Suspended",))
_RESUME = _Change("resume", "resumed", ("Suspended",), ("Pending", "Running"))
_REWIND = _Change("rewind", "rewound", ("Failed",))
_OVER = ("Completed", "Failed", "Terminated")


class RunControlRoutes:
    """Changes what runs do."""

    def __init__(self, orchestrations: OrchestrationRegistry, view: RunView, purge: RunPurge, run_ids: RunIds) -> None:
        self._orchestrations = orchestrations
        self._view = view
        self._purge = purge
        self._run_ids = run_ids
        self._starts = RunStarts(view.claims)

    def register(self, router: Router) -> None:
        """Register the routes."""
        one = "runs/{instance_id}"
        change = Contract(
            {200: (Run,), 202: (ChangeAccepted,)}, bodies=(ReasonBody,), body_required=False, problems=(409, 501)
        )
        router.add("POST", f"{one}/cancel", self.cancel_run, contract=change)
        router.add("POST", f"{one}/suspend", self.suspend_run, contract=change)
        router.add("POST", f"{one}/resume", self.resume_run, contract=change)
        router.add("POST", f"{one}/rewind", self.rewind_run, contract=change)
        restart = Contract({202: (RunAccepted,)}, parameters=(IDEMPOTENCY,), problems=(409, 422))
        router.add("POST", f"{one}/restart", self.restart_run, contract=restart)
        router.add("DELETE", one, self.delete_run, contract=Contract({204: ()}, problems=(409, 501)))

    async def cancel_run(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Terminate a run at once; an activity that is at work ends by itself, and nothing comes of its result."""
        return await self._change(_CANCEL, req, client)

    async def suspend_run(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Hold a run: it starts no activity, no agent and no child until it is resumed.

        It still takes in what arrives: a decision counts, a deadline passes, and a run that has nothing left to start
        ends.
        """
        return await self._change(_SUSPEND, req, client)

    async def resume_run(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Let a suspended run go on."""
        return await self._change(_RESUME, req, client)

    async def rewind_run(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Let a failed run try again what failed; what had succeeded is not repeated.

        With Azure Storage as the task hub this fails for a run that has tried an activity again or has caught a
        failure.
        """
        status = await self._find(req, client)
        if not can_be_rewound(status) and state_of(status) == "Failed":
            detail = f"Run {status.instance_id!r} has told that it failed, so it cannot go on. Restart it."
            raise ProblemError(409, "not-possible-now", detail, runtime_status="Failed")
        return await self._change(_REWIND, req, client)

    async def restart_run(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Start a new run with the input of one that is over; with an `Idempotency-Key`, a repeat returns the same."""
        key = read_idempotency_key(req)
        status = await self._find(req, client)
        if not is_over(status):
            raise _not_possible_now(status, "restarted", _OVER)
        name, old_id = str(status.name), str(status.instance_id)
        orchestration = self._orchestrations.find(name)
        if orchestration is not None and orchestration.is_internal:
            detail = f"Only the app itself starts runs of {name}."
            raise ProblemError(409, "not-possible-now", detail, runtime_status=None)
        # Who decides, and what it may use, is what the deployment says now, not what it said then.
        fixed = {} if orchestration is None else {**orchestration.fixed, **orchestration.allowance}
        as_sent = orchestration is not None and orchestration.stores_as_sent
        stored_input = await self._view.restore(old_id, read_stored_input(status))
        # No key of a start has a space, so restarts under a key are not mistaken for starts.
        new_id = new_instance_id(name) if key is None else instance_id_for(name, f"restart {old_id} {key}")
        new_id = owned(new_id, owner_of(old_id))
        if not as_sent:
            sent = stored_input if isinstance(stored_input, dict) else {}
            sent = {name: value for name, value in sent.items() if name != ALLOWANCE_FIELD}
            stored_input = {FINGERPRINT_FIELD: "", **sent, **fixed}
        to_session = result_address(status)
        if to_session is not None:
            stored_input[RESULT_FIELD] = to_session.renewed(self._run_ids, new_id).model_dump()
        if key is None:
            await self._starts.start(client, name, new_id, stored_input)
        else:
            await self._starts.start_once(client, name, new_id, stored_input, as_sent=as_sent)
        to = partial(self._view.links.to, req, "runs")
        links = {"self": to(new_id), "restarted_from": to(old_id)}
        return accepted(
            RunAccepted(instance_id=new_id, orchestration=name, status="accepted", links=links), links["self"]
        )

    async def delete_run(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Remove a run that is over, with its history, its agents' sessions and its drafts; its key is free again."""
        status = await self._find(req, client)
        if is_over(status) and await self._purge.purge(client, str(status.instance_id)):
            return func.HttpResponse(status_code=204)
        raise _not_possible_now(await self._find(req, client), "deleted", _OVER)

    async def _change(
        self, change: _Change, req: func.HttpRequest, client: df.DurableOrchestrationClient
    ) -> func.HttpResponse:
        """Ask for the change and answer with the run: 200 when the effect shows, else 202. A repeat changes nothing."""
        reason = read_model(read_json_object(req) if read_body(req) else {}, ReasonBody).reason
        before = await self._find(req, client)
        if state_of(before) in change.pointless_in:
            await tell_of_cancellation(client, before)
            return json_response(await self._view.show(req, client, before))
        instance_id = str(before.instance_id)
        possible = state_of(before) in change.possible_in
        if not possible or not await ask_for(client, instance_id, change.operation, reason):
            raise _not_possible_now(await self._find(req, client), change.done, change.possible_in)

        def shows_effect(run: DurableOrchestrationStatus) -> bool:
            return state_of(run) not in change.possible_in or run.last_updated_time != before.last_updated_time

        after = await wait_for_state(client, self._orchestrations, instance_id, shows_effect)
        if after is not None:
            await tell_of_cancellation(client, after)
            return json_response(await self._view.show(req, client, after))
        links = {"self": self._view.links.to(req, "runs", instance_id)}
        return accepted(ChangeAccepted(instance_id=instance_id, status="accepted", links=links), links["self"])

    async def _find(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> DurableOrchestrationStatus:
        return await find_run(client, self._orchestrations, req.route_params["instance_id"])


def _not_possible_now(status: DurableOrchestrationStatus, done: str, possible_in: tuple[str, ...]) -> ProblemError:
    """Return the 409 problem that tells the state of the run."""
    state = state_of(status)
    states = ", ".join(possible_in)
    detail = f"Run {status.instance_id!r} is {state}, so it cannot be {done} now. It can be while it is: {states}."
    return ProblemError(409, "not-possible-now", detail, runtime_status=state)
