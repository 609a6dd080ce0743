"""What waits for a human: `GET /approvals` lists it, `POST /approval/{instance_id}` decides on one of it."""

from functools import partial

import azure.durable_functions as df
import azure.functions as func
from agent_framework_durabletask import workflow_name_from_orchestrator
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from durable_agents.http.contracts import PAGING, Contract
from durable_agents.http.links import Links
from durable_agents.http.query import read_limit, read_page_token
from durable_agents.http.requests import accepted, json_response
from durable_agents.http.routing import Router
from durable_agents.orchestration.approval_requests import read_requests
from durable_agents.orchestration.human_requests import read_human_requests
from durable_agents.orchestration.registry import OrchestrationRegistry
from durable_agents.runs.approval_models import ApprovalPage, DecisionAnswer, PendingApproval, PendingWorkflowRequest
from durable_agents.runs.decisions import DecisionBody, Submission, answer_to, decide, read_decision_body
from durable_agents.runs.listing import PageTokens, RunQuery, query_runs
from durable_agents.runs.reviewers import read_reviewer

_RUNNING = RunQuery(statuses=["Running"])


class ApprovalRoutes:
    """Lists what waits for a human, and decides; `trusts_app_service` says that App Service vouches for who decides."""

    def __init__(
        self, orchestrations: OrchestrationRegistry, links: Links, tokens: PageTokens, *, trusts_app_service: bool
    ) -> None:
        self._orchestrations = orchestrations
        self._links = links
        self._tokens = tokens
        self._trusts_app_service = trusts_app_service

    def register(self, router: Router) -> None:
        """Register the routes."""
        listing = Contract({200: (ApprovalPage,)}, parameters=PAGING)
        router.add("GET", "approvals", self.list_approvals, contract=listing)
        answers = {200: (DecisionAnswer,), 202: (DecisionAnswer,)}
        deciding = Contract(answers, bodies=(DecisionBody,), problems=(403, 409))
        router.add("POST", "approval/{instance_id}", self.decide_approval, contract=deciding)

    async def list_approvals(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """List what waits for a human, in no promised order.

        One page is what is found among `limit` running runs, so it may be short, or empty, although there is a next
        page: nothing is read that the page does not need.
        """
        limit = read_limit(req)
        token = read_page_token(req, partial(self._tokens.decode, query=_RUNNING))
        found = await query_runs(client, self._orchestrations, _RUNNING, limit, token)
        page = ApprovalPage(
            approvals=[approval for status in found.runs for approval in self._approvals_of(req, status)],
            workflow_requests=[request for status in found.runs for request in self._requests_of(req, status)],
            next_page_token=self._tokens.encode(found.next_token, _RUNNING),
        )
        return json_response(page)

    async def decide_approval(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Decide on the draft a run waits with: 200 once it counts, 202 while that is not known yet."""
        instance_id = req.route_params["instance_id"]
        body = read_decision_body(req)
        reviewer = read_reviewer(req, body.reviewer, trusts_app_service=self._trusts_app_service)
        submission = Submission(body, reviewer, "api")
        decision = await decide(client, self._orchestrations, instance_id, submission)
        answer = answer_to(instance_id, submission, decision)
        answer.links = {"self": self._links.to(req, "runs", instance_id)}
        return accepted(answer, answer.links["self"]) if decision is None else json_response(answer)

    def _approvals_of(self, req: func.HttpRequest, status: DurableOrchestrationStatus) -> list[PendingApproval]:
        """Return the approvals that a run waits for."""
        run_id = str(status.instance_id)
        links = {"run": self._links.to(req, "runs", run_id), "decide": self._links.to(req, "approval", run_id)}
        name = str(status.name)
        return [
            PendingApproval(**request.model_dump(), instance_id=run_id, orchestration=name, links=links)
            for request in read_requests(status.custom_status)
        ]

    def _requests_of(self, req: func.HttpRequest, status: DurableOrchestrationStatus) -> list[PendingWorkflowRequest]:
        """Return the requests that the run of a workflow waits with."""
        run_id, workflow = str(status.instance_id), str(workflow_name_from_orchestrator(str(status.name)))
        run, respond = self._links.to(req, "runs", run_id), self._links.to(req, "workflow", workflow, "respond", run_id)
        return [
            PendingWorkflowRequest(
                **request.model_dump(),
                instance_id=run_id,
                workflow=workflow,
                links={"run": run, "respond": f"{respond}/{request.request_id}"},
            )
            for request in read_human_requests(status.custom_status)
        ]
