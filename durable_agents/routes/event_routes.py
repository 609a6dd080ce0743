"""`POST /runs/{instance_id}/events/{name}` raises an event that a run has declared to wait for."""

import json
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from durable_agents.http.contracts import Contract
from durable_agents.http.links import Links
from durable_agents.http.problems import ProblemError, invalid_fields
from durable_agents.http.requests import accepted, read_json_value
from durable_agents.http.routing import Router
from durable_agents.ids import EVENT_NAME, fits
from durable_agents.orchestration.registry import OrchestrationRegistry
from durable_agents.runs.decisions import Submission, decide, read_decision_body
from durable_agents.runs.events import raise_event
from durable_agents.runs.reviewers import read_reviewer
from durable_agents.runs.run_models import EventAccepted, EventPayload
from durable_agents.runs.status import find_run, hides_waits, is_over, open_waits, state_of, waiting_for


class EventRoutes:
    """Raises events; `trusts_app_service` says that App Service authentication vouches for who sends one."""

    def __init__(self, orchestrations: OrchestrationRegistry, links: Links, *, trusts_app_service: bool) -> None:
        self._orchestrations = orchestrations
        self._links = links
        self._trusts_app_service = trusts_app_service

    def register(self, router: Router) -> None:
        """Register the route."""
        answers = {202: (EventAccepted,)}
        contract = Contract(answers, bodies=(EventPayload,), body_required=False, problems=(403, 409))
        router.add("POST", "runs/{instance_id}/events/{name}", self.raise_run_event, contract=contract)

    async def raise_run_event(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Raise the event if the run waits for it now; the event of an approval is checked as any decision is.

        A run that shows a status of its own kind does not say what it waits for. It is sent any event, which is kept
        until it waits for one of that name.
        """
        instance_id, name = req.route_params["instance_id"], req.route_params["name"]
        awaited = await self._find_wait(client, instance_id, name)
        note = None
        if awaited is None:
            note = f"The run does not show what it waits for. The event is kept until it waits for one named {name!r}."
        if awaited is not None and awaited.get("kind") == "approval":
            body = read_decision_body(req)
            if body.request_id is None:
                where = "Field required. The run shows it as waiting_for.request_id"
                raise invalid_fields([{"field": "request_id", "message": where}])
            if body.request_id != awaited.get("request_id"):
                detail = (
                    f"The decision names another request than event {name!r} is for. Decide on the one in waiting_for."
                )
                raise ProblemError(409, "other-draft-pending", detail, waiting_for=awaited)
            reviewer = read_reviewer(req, body.reviewer, trusts_app_service=self._trusts_app_service)
            await decide(client, self._orchestrations, instance_id, Submission(body, reviewer, "event"))
        else:
            await self._raise(client, instance_id, name, read_json_value(req) if req.get_body() else None)
        links = {"self": self._links.to(req, "runs", instance_id)}
        event = EventAccepted(instance_id=instance_id, event_name=name, status="accepted", links=links)
        if note is not None:
            event.note = note
        return accepted(event, links["self"])

    async def _raise(self, client: df.DurableOrchestrationClient, instance_id: str, name: str, payload: Any) -> None:
        orchestration = self._orchestrations.find((await find_run(client, self._orchestrations, instance_id)).name)
        assert orchestration is not None
        try:
            await raise_event(client, orchestration, instance_id, name, payload)
        except Exception:
            # The run may have ended since; the SDK tells that by the text of its exception only.
            await self._find_wait(client, instance_id, name)
            raise

    async def _find_wait(
        self, client: df.DurableOrchestrationClient, instance_id: str, name: str
    ) -> dict[str, Any] | None:
        """Return what the run says in its custom status about the wait for this event; None if it cannot say so.

        Raises:
            ProblemError: 400 for a name that no event has; 404 if there is no such run; 409 if it is over, or does not
                wait for this event now.
        """
        if not fits(EVENT_NAME, name):
            detail = (
                f"The event name {json.dumps(name)} is not possible. Use the one in waiting_for.event_name of the run."
            )
            raise ProblemError(400, "invalid-event-name", detail)
        status = await find_run(client, self._orchestrations, instance_id)
        state = state_of(status)
        if is_over(status):
            detail = f"Run {instance_id!r} is over ({state}), so it takes no events."
            raise ProblemError(409, "run-is-over", detail, runtime_status=state)
        waits = open_waits(status)
        found = next((wait for wait in waits if wait.get("event_name") == name), None)
        if found is None and hides_waits(self._orchestrations, status):
            return None
        if found is None:
            detail = f"Run {instance_id!r} ({state}) does not wait for event {name!r} now; waiting_for says for which."
            if not waits:
                detail += " It waits for nothing: send the event once it does."
            members = {"runtime_status": state, "waiting_for": waiting_for(status) or None}
            raise ProblemError(409, "event-not-awaited", detail, **members)
        return found
