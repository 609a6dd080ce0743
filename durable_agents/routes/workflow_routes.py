"""`/workflow`: run a graph workflow, tell how a run is, answer what it asks humans.

Paths, members and successful answers are those of the routes that the framework would generate.
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import azure.durable_functions as df
import azure.functions as func
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus
from pydantic import Field

from durable_agents.characters.person_names import check_name
from durable_agents.http.access import Access, not_yours
from durable_agents.http.contracts import IDEMPOTENCY, Contract, Parameter
from durable_agents.http.links import Links
from durable_agents.http.problems import ProblemError, invalid_parameter
from durable_agents.http.query import read_whole_number
from durable_agents.http.requests import accepted, json_response, read_idempotency_key, read_json_value
from durable_agents.http.routing import Router
from durable_agents.http.waiting import read_wait, wait_parameters
from durable_agents.ids import WORKFLOW_RUN_ID, fits
from durable_agents.orchestration.approval_requests import ReviewerName
from durable_agents.orchestration.human_requests import HumanRequest, read_human_requests, read_unanswered
from durable_agents.owners import owned
from durable_agents.polling import poll
from durable_agents.runs.reviewers import read_reviewer
from durable_agents.runs.start_bodies import read_start_body, start_bodies_of
from durable_agents.runs.starts import RunStarts, instance_id_for, new_instance_id, stored_input_for
from durable_agents.runs.status import describe_run, is_over
from durable_agents.workflows.graph_status import read_executors
from durable_agents.workflows.human_answers import Reply, WorkflowRun, find_workflow_run, is_asked, respond
from durable_agents.workflows.workflow_models import (
    AnsweredHumanInput,
    PendingHumanInput,
    ResponseDelivered,
    WorkflowAccepted,
    WorkflowCustomStatus,
    WorkflowEnded,
    WorkflowStatus,
)
from durable_agents.workflows.workflow_registry import HostedWorkflow, WorkflowRegistry

_WAIT_SECONDS = 10
_LONGEST_WAIT_SECONDS = 200
_PARAMETERS = (
    Parameter(
        "runId",
        Annotated[str, Field(pattern=f"^{WORKFLOW_RUN_ID.pattern}$")],
        "The id of the run; 409 if it is taken. Left out, the run gets one.",
    ),
    *wait_parameters("waitForResponse", "Whether to wait for the end, or for the first request to a human."),
    Parameter("timeoutSeconds", Annotated[int, Field(ge=1, le=_LONGEST_WAIT_SECONDS)], "How long to wait; 10."),
    IDEMPOTENCY,
)
_REVIEWER = Parameter("reviewer", ReviewerName, "Who answers, where the request names its reviewers.")


class WorkflowRoutes:
    """The routes of workflows."""

    def __init__(self, workflows: WorkflowRegistry, access: Access, links: Links) -> None:
        self._workflows = workflows
        self._access = access
        self._links = links
        self._starts = RunStarts()

    def register(self, router: Router) -> None:
        """Register the routes."""
        runs = {workflow.name: _run_contract(workflow) for workflow in self._workflows}
        statuses = {workflow.name: Contract({200: (WorkflowStatus,)}) for workflow in self._workflows}
        responses = {workflow.name: _respond_contract(workflow) for workflow in self._workflows if workflow.responses}
        router.add("POST", "workflow/{workflow}/run", self.run_workflow, contract=runs)
        router.add("GET", "workflow/{workflow}/status/{instance_id}", self.get_workflow_status, contract=statuses)
        respond_template = "workflow/{workflow}/respond/{instance_id}/{human_request_id}"
        router.add("POST", respond_template, self.respond_to_workflow, contract=responses)

    async def run_workflow(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Start a run of a workflow, and wait for its end if that is asked for.

        With a `runId` the caller names the run. With an `Idempotency-Key`, a repeat returns the run of the first time.
        """
        workflow = self._workflows.find(req.route_params["workflow"])
        key, run_id, wait = read_idempotency_key(req), self._read_run_id(req), _read_wait_seconds(req)
        if key is not None and run_id is not None:
            detail = "Both runId and Idempotency-Key name the run. Give one: a repeat with the runId is 409."
            raise ProblemError(400, "conflicting-run-ids", detail)
        orchestration = workflow.orchestration
        name, stored_input = orchestration.name, stored_input_for(orchestration, read_start_body(req, orchestration))
        if key is not None:
            instance_id = owned(instance_id_for(name, key), self._access.owner(req))
            as_sent = orchestration.stores_as_sent
            await self._starts.start_once(client, name, instance_id, stored_input, as_sent=as_sent)
        else:
            instance_id = run_id or owned(new_instance_id(name), self._access.owner(req))
            await self._starts.start_new(client, name, instance_id, stored_input)
        status = await poll(partial(_find_rest, client, instance_id), wait) if wait else None
        if status is not None and is_over(status):
            return json_response(_ended(status))
        location = self._status_url(req, workflow, instance_id)
        started = WorkflowAccepted(
            instance_id=instance_id,
            status_query_get_uri=location,
            respond_uri=f"{self._respond_url(req, workflow, instance_id)}/{{requestId}}",
            message="Workflow started",
            links={"run": self._links.to(req, "runs", instance_id)},
        )
        if status is not None:
            requests = read_human_requests(status.custom_status)
            started.pending_human_input_requests = _shown(requests, self._respond_url(req, workflow, instance_id))
        return accepted(started, location)

    async def get_workflow_status(
        self, req: func.HttpRequest, client: df.DurableOrchestrationClient
    ) -> func.HttpResponse:
        """Tell how a run is, what it asks humans, and what came out of it."""
        workflow = self._workflows.find(req.route_params["workflow"])
        run = await find_workflow_run(client, workflow, req.route_params["instance_id"])
        return json_response(_status(run, self._respond_url(req, workflow, str(run.status.instance_id))))

    async def respond_to_workflow(
        self, req: func.HttpRequest, client: df.DurableOrchestrationClient
    ) -> func.HttpResponse:
        """Answer a request of a run: 200 once the run has the answer, 202 while that does not show yet.

        The same answer again is answered in the same way, another one is 409. Where reviewers were named, `reviewer`
        says which of them answers, unless App Service authentication does.
        """
        workflow = self._workflows.find(req.route_params["workflow"])
        instance_id, request_id = req.route_params["instance_id"], req.route_params["human_request_id"]
        reviewer = read_reviewer(req, _read_reviewer_name(req), trusts_app_service=self._access.trusts_app_service)
        if not self._access.sees(req, instance_id):
            run = await find_workflow_run(client, workflow, instance_id)
            if not is_asked(run, request_id, reviewer):
                raise not_yours("run", instance_id)
        reply = Reply(read_json_value(req), reviewer)
        has_arrived = await respond(client, workflow, instance_id, request_id, reply)
        message = "Response delivered successfully" if has_arrived else "Response accepted"
        delivered = ResponseDelivered(message=message, instance_id=instance_id, request_id=request_id)
        if has_arrived:
            return json_response(delivered)
        return accepted(delivered, self._status_url(req, workflow, instance_id))

    def _read_run_id(self, req: func.HttpRequest) -> str | None:
        """Return the id that the caller has chosen, as one of its own.

        Raises:
            ProblemError: 400, it is not possible; 404, it is somebody else's.
        """
        text: str | None = req.params.get("runId")
        if text is None:
            return None
        run_id = self._access.own(req, text)
        if fits(WORKFLOW_RUN_ID, text) and fits(WORKFLOW_RUN_ID, run_id):
            return run_id
        longest = 100 - (len(run_id) - len(text))
        raise invalid_parameter("runId", text, f"1 to {longest} letters, digits, '_', '-', and '.' but not first")

    def _status_url(self, req: func.HttpRequest, workflow: HostedWorkflow, instance_id: str) -> str:
        return self._links.to(req, "workflow", workflow.name, "status", instance_id)

    def _respond_url(self, req: func.HttpRequest, workflow: HostedWorkflow, instance_id: str) -> str:
        return self._links.to(req, "workflow", workflow.name, "respond", instance_id)


async def _find_rest(client: df.DurableOrchestrationClient, instance_id: str) -> DurableOrchestrationStatus | None:
    """Return the status of a run that is over or waits for a human: nothing will change by waiting for it."""
    status = await client.get_status(instance_id)
    return status if status and (is_over(status) or read_human_requests(status.custom_status)) else None


def _ended(status: DurableOrchestrationStatus) -> WorkflowEnded:
    run = describe_run(status)
    ended = WorkflowEnded(instance_id=run.instance_id, runtime_status=str(run.runtime_status), output=run.output)
    if run.error is not None:
        ended.error = run.error
    return ended


def _status(run: WorkflowRun, respond_url: str) -> WorkflowStatus:
    shown, pending = describe_run(run.status), run.open_requests
    state, requests = shown.stage, {request.request_id: request for request in pending}
    status = WorkflowStatus(
        instance_id=shown.instance_id,
        runtime_status=shown.runtime_status,
        custom_status=None if state is None else WorkflowCustomStatus(state=state, pending_requests=requests),
        output=shown.output,
        error=shown.error,
        created_time=shown.created_at,
        last_updated_time=shown.last_updated_at,
    )
    if pending:
        status.pending_human_input_requests = _shown(pending, respond_url)
    if run.answers:
        status.answered_requests = [
            AnsweredHumanInput(
                request_id=name, reviewer=answer.by.reviewer, verified=answer.by.verified, channel=answer.by.channel
            )
            for name, answer in run.answers.items()
        ]
    if expired := read_unanswered(run.status.custom_status, "expired"):
        status.expired_requests = expired
    if withdrawn := read_unanswered(run.status.custom_status, "withdrawn"):
        status.withdrawn_requests = withdrawn
    if executors := read_executors(run.status.custom_status, is_over=is_over(run.status)):
        status.executors = executors
    return status


def _shown(requests: Sequence[HumanRequest], respond_url: str) -> list[PendingHumanInput]:
    """Return the requests as callers of the routes see them."""
    return [
        PendingHumanInput(
            source_executor=request.source_executor_id,
            request_data=request.data,
            respond_url=f"{respond_url}/{request.request_id}",
            **request.model_dump(exclude={"source_executor_id", "data", "content_hash"}, exclude_unset=True),
        )
        for request in requests
    ]


def _read_reviewer_name(req: func.HttpRequest) -> str | None:
    name: str | None = req.params.get("reviewer")
    try:
        return None if name is None else check_name(name)
    except ValueError as error:
        raise invalid_parameter(
            "reviewer", str(name), f"what {error}".replace("what must be", "", 1).strip()
        ) from error


def _read_wait_seconds(req: func.HttpRequest) -> int:
    """Return how long the caller wants to wait, 0 for not at all."""
    seconds = read_whole_number(req, "timeoutSeconds", default=_WAIT_SECONDS, least=1, most=_LONGEST_WAIT_SECONDS)
    return seconds if read_wait(req, "waitForResponse") else 0


def _run_contract(workflow: HostedWorkflow) -> Contract:
    return Contract(
        {200: (WorkflowEnded,), 202: (WorkflowAccepted,)},
        bodies=start_bodies_of(workflow.orchestration),
        parameters=_PARAMETERS,
        problems=(409, 422),
    )


def _respond_contract(workflow: HostedWorkflow) -> Contract:
    answers = {200: (ResponseDelivered,), 202: (ResponseDelivered,)}
    models = tuple(workflow.responses.values())
    return Contract(answers, bodies=models, parameters=(_REVIEWER,), problems=(403, 409))
