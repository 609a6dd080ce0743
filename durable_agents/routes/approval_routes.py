"""What waits for a human: `GET /approvals` lists it, `POST /approval/{instance_id}` decides on one of it."""

import uuid
from datetime import UTC, datetime
from functools import partial

import azure.durable_functions as df
import azure.functions as func
from agent_framework_durabletask import workflow_name_from_orchestrator
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from durable_agents.activities.record_decision import DecisionRecord, hash_answer, record_decision
from durable_agents.characters.person_names import find_person
from durable_agents.http.access import Access, not_yours
from durable_agents.http.contracts import PAGING, Contract
from durable_agents.http.links import Links
from durable_agents.http.query import read_limit, read_page_token
from durable_agents.http.requests import accepted, json_response, read_json_object
from durable_agents.http.routing import Router
from durable_agents.ids import EVENT_NAME, fits
from durable_agents.orchestration.approval_requests import read_requests
from durable_agents.orchestration.human_requests import read_human_requests
from durable_agents.orchestration.registry import OrchestrationRegistry
from durable_agents.routes.operator_acts import no_effect_without_entry
from durable_agents.runs.approval_models import ApprovalPage, DecisionAnswer, PendingApproval, PendingWorkflowRequest
from durable_agents.runs.decisions import (
    DecisionBody,
    Submission,
    answer_to,
    asks,
    decide,
    is_asked,
    read_decision_body,
)
from durable_agents.runs.events import raise_event
from durable_agents.runs.listing import PageTokens, RunQuery, query_runs
from durable_agents.runs.meant_requests import find_meant_request, refuse_workflow
from durable_agents.runs.reviewers import Reviewer, read_reviewer
from durable_agents.runs.run_models import EventAccepted
from durable_agents.runs.status import find_run, open_waits
from durable_agents.storage.audit_log import AuditLog
from durable_agents.threads import in_thread

_RUNNING = RunQuery(statuses=["Running"])


class ApprovalRoutes:
    """Lists what waits for a human, and decides; `access` says who the sender of a request is.

    What is sent to a run that judges it itself is in the audit log `log` before.
    """

    def __init__(
        self, orchestrations: OrchestrationRegistry, access: Access, links: Links, tokens: PageTokens, log: AuditLog
    ) -> None:
        self._orchestrations = orchestrations
        self._access = access
        self._links = links
        self._tokens = tokens
        self._log = log

    def register(self, router: Router) -> None:
        """Register the routes."""
        listing = Contract({200: (ApprovalPage,)}, parameters=PAGING)
        router.add("GET", "approvals", self.list_approvals, contract=listing)
        answers = {200: (DecisionAnswer,), 202: (DecisionAnswer, EventAccepted)}
        deciding = Contract(answers, bodies=(DecisionBody,), problems=(403, 409))
        router.add("POST", "approval/{instance_id}", self.decide_approval, contract=deciding)

    async def list_approvals(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """List what waits for a human, in no promised order.

        One page is what is found among `limit` running runs, so it may be short, or empty, although there is a next
        page: nothing is read that the page does not need. Who is signed in sees what their own runs wait for, and what
        they are asked by name.
        """
        limit, reviewer = read_limit(req), self._reviewer(req, None)
        token = read_page_token(req, partial(self._tokens.decode, query=_RUNNING))
        found = await query_runs(client, self._orchestrations, _RUNNING, limit, token)
        page = ApprovalPage(
            approvals=[approval for status in found.runs for approval in self._approvals_of(req, status, reviewer)],
            workflow_requests=[
                request for status in found.runs for request in self._requests_of(req, status, reviewer)
            ],
            next_page_token=self._tokens.encode(found.next_token, _RUNNING),
        )
        return json_response(page)

    async def decide_approval(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Decide on the draft a run waits with: 200 once it counts, 202 while that is not known yet.

        A decision that names no request is on the first one of the run. An orchestration with the SDK's context alone,
        which waits for one event, is sent the decision as that event.
        """
        instance_id = req.route_params["instance_id"]
        body = read_decision_body(req)
        status = await find_run(client, self._orchestrations, instance_id)
        reviewer = self._reviewer(req, body.reviewer)
        if not self._access.sees(req, instance_id) and not is_asked(status, reviewer):
            raise not_yours("run", instance_id)
        refuse_workflow(status, partial(self._respond_url, req, status))
        if body.request_id is None:
            event = await self._raise_as_event(req, client, status, reviewer, approved=body.approved)
            if event is not None:
                return accepted(event, event.links["self"])
            body.request_id = await find_meant_request(client, status)
        submission = Submission(body, reviewer, "api")
        decision = await decide(client, self._orchestrations, instance_id, submission)
        answer = answer_to(instance_id, submission, decision)
        answer.links = {"self": self._links.to(req, "runs", instance_id)}
        return accepted(answer, answer.links["self"]) if decision is None else json_response(answer)

    async def _raise_as_event(
        self,
        req: func.HttpRequest,
        client: df.DurableOrchestrationClient,
        status: DurableOrchestrationStatus,
        reviewer: Reviewer,
        *,
        approved: bool,
    ) -> EventAccepted | None:
        """Send the run the decision as the one event that it waits for; None says that it does not wait so."""
        orchestration, waits = self._orchestrations.find(status.name), open_waits(status)
        if orchestration is None or not orchestration.is_decorated or len(waits) != 1 or "event_name" not in waits[0]:
            return None
        run_id, name = str(status.instance_id), str(waits[0]["event_name"])
        if not fits(EVENT_NAME, name):
            return None
        payload = read_json_object(req)
        record = DecisionRecord(
            id=uuid.uuid4().hex,
            decided_at=datetime.now(UTC),
            instance_id=run_id,
            asked_by=orchestration.name,
            request_id=name,
            outcome="sent",
            approved=approved,
            answer_hash=hash_answer(payload),
            reviewer=reviewer.name,
            reviewer_id=reviewer.id,
            verified=reviewer.verified,
            channel="api",
        )
        with no_effect_without_entry("the decision"):
            await in_thread(record_decision, record, log=self._log)
        await raise_event(client, orchestration, run_id, name, payload)
        links = {"self": self._links.to(req, "runs", run_id)}
        return EventAccepted(instance_id=run_id, event_name=name, status="accepted", links=links)

    def _reviewer(self, req: func.HttpRequest, stated: str | None) -> Reviewer:
        return read_reviewer(req, stated, trusts_app_service=self._access.trusts_app_service)

    def _respond_url(self, req: func.HttpRequest, status: DurableOrchestrationStatus) -> str:
        """Return where the requests of a workflow are answered, without the id of the request."""
        workflow = str(workflow_name_from_orchestrator(str(status.name)))
        return self._links.to(req, "workflow", workflow, "respond", str(status.instance_id))

    def _approvals_of(
        self, req: func.HttpRequest, status: DurableOrchestrationStatus, reviewer: Reviewer
    ) -> list[PendingApproval]:
        """Return the approvals that a run waits for, as far as the reviewer may know of them."""
        run_id = str(status.instance_id)
        is_shown = self._access.sees(req, run_id)
        links = {"run": self._links.to(req, "runs", run_id), "decide": self._links.to(req, "approval", run_id)}
        name = str(status.name)
        return [
            PendingApproval(**request.model_dump(), instance_id=run_id, orchestration=name, links=links)
            for request in read_requests(status.custom_status)
            if is_shown or (reviewer.verified and asks(request, reviewer))
        ]

    def _requests_of(
        self, req: func.HttpRequest, status: DurableOrchestrationStatus, reviewer: Reviewer
    ) -> list[PendingWorkflowRequest]:
        """Return the requests that the run of a workflow waits with, as far as the reviewer may know of them."""
        requests = read_human_requests(status.custom_status)
        if not requests:
            return []
        run_id, workflow = str(status.instance_id), str(workflow_name_from_orchestrator(str(status.name)))
        run, respond = self._links.to(req, "runs", run_id), self._respond_url(req, status)
        is_shown = self._access.sees(req, run_id)
        return [
            PendingWorkflowRequest(
                **request.model_dump(),
                instance_id=run_id,
                workflow=workflow,
                links={"run": run, "respond": f"{respond}/{request.request_id}"},
            )
            for request in requests
            if is_shown or (reviewer.verified and find_person(reviewer.name, request.reviewers) is not None)
        ]
