"""What waits for a human: `GET /approvals` lists it, `POST /approval/{instance_id}` decides on one of it."""

import re
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from agent_framework_durabletask import workflow_name_from_orchestrator
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from durable_agents.http.contracts import PAGE_TOKEN, Contract, page_size
from durable_agents.http.problems import invalid_parameter
from durable_agents.http.requests import json_response, link
from durable_agents.http.routing import Router, register_route
from durable_agents.orchestration.approval_requests import read_request
from durable_agents.orchestration.human_requests import read_human_requests
from durable_agents.orchestration.registry import OrchestrationRegistry
from durable_agents.runs.approval_models import ApprovalPage, DecisionAnswer
from durable_agents.runs.decisions import DecisionBody, Submission, decide, describe_decision, read_decision_body
from durable_agents.runs.listing import RunQuery, open_token, query_runs, seal_token
from durable_agents.runs.reviewers import read_reviewer
from durable_agents.seal import Seal

_PAGE = 50
_LONGEST_PAGE = 200
_RUNNING = RunQuery(statuses=["Running"])


def register(router: Router, orchestrations: OrchestrationRegistry, seal: Seal, *, trusts_app_service: bool) -> None:
    """Register the routes of approvals; `seal` marks page tokens."""
    listing = Contract({200: (ApprovalPage,)}, parameters=(page_size(_PAGE, _LONGEST_PAGE), PAGE_TOKEN))
    register_route(
        router, "GET", "approvals", list_approvals, contract=listing, orchestrations=orchestrations, seal=seal
    )
    register_route(
        router,
        "POST",
        "approval/{instance_id}",
        decide_approval,
        contract=Contract(
            {200: (DecisionAnswer,), 202: (DecisionAnswer,)}, bodies=(DecisionBody,), problems=(403, 409)
        ),
        orchestrations=orchestrations,
        trusts_app_service=trusts_app_service,
    )


async def list_approvals(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, *, orchestrations: OrchestrationRegistry, seal: Seal
) -> func.HttpResponse:
    """List what waits for a human, in no promised order.

    One page is what is found among `limit` running runs, so it may be short, or empty, although there is a next page:
    nothing is read that the page does not need.
    """
    limit, token = _read_limit(req), _read_page_token(req, seal)
    page = await query_runs(client, orchestrations, _RUNNING, limit, token)
    found = [_describe(req, status) for status in page.runs]
    next_token = None if page.next_token is None else seal_token(page.next_token, _RUNNING, seal)
    approvals = [approval for approval in found if approval is not None]
    requests = [request for status in page.runs for request in _describe_workflow(req, status)]
    return json_response({"approvals": approvals, "workflow_requests": requests, "next_page_token": next_token})


async def decide_approval(
    req: func.HttpRequest,
    client: df.DurableOrchestrationClient,
    *,
    orchestrations: OrchestrationRegistry,
    trusts_app_service: bool,
) -> func.HttpResponse:
    """Decide on the draft a run waits with: 200 once it counts, 202 while that is not known yet."""
    instance_id = req.route_params["instance_id"]
    body = read_decision_body(req)
    reviewer = read_reviewer(req, body.reviewer, trusts_app_service=trusts_app_service)
    submission = Submission(body, reviewer, "api")
    decision = await decide(client, orchestrations, instance_id, submission)
    location = link(req, "runs", instance_id)
    answer = {**describe_decision(instance_id, submission, decision), "links": {"self": location}}
    if decision is not None:
        return json_response(answer)
    return json_response(answer, 202, {"Location": location, "Retry-After": "1"})


def _describe(req: func.HttpRequest, status: DurableOrchestrationStatus) -> dict[str, Any] | None:
    """Return the approval that a run waits for, with links, or None if it waits for none."""
    request = read_request(status.custom_status)
    if request is None:
        return None
    return {
        "instance_id": status.instance_id,
        "orchestration": status.name,
        **request.model_dump(mode="json", exclude={"kind", "event_name"}),
        "links": {
            "run": link(req, "runs", str(status.instance_id)),
            "decide": link(req, "approval", str(status.instance_id)),
        },
    }


def _describe_workflow(req: func.HttpRequest, status: DurableOrchestrationStatus) -> list[dict[str, Any]]:
    """Return the requests that the run of a workflow waits with, with links."""
    run_id, workflow = str(status.instance_id), workflow_name_from_orchestrator(str(status.name))
    return [
        {
            **request.model_dump(mode="json"),
            "instance_id": run_id,
            "workflow": workflow,
            "links": {
                "run": link(req, "runs", run_id),
                "respond": link(req, "workflow", str(workflow), "respond", run_id, request.request_id),
            },
        }
        for request in read_human_requests(status.custom_status)
    ]


def _read_limit(req: func.HttpRequest) -> int:
    text = req.params.get("limit", str(_PAGE))
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= _LONGEST_PAGE:
        raise invalid_parameter("limit", text, f"a whole number from 1 to {_LONGEST_PAGE}")
    return int(text)


def _read_page_token(req: func.HttpRequest, seal: Seal) -> str | None:
    text = req.params.get("page_token")
    if text is None:
        return None
    token = open_token(text, _RUNNING, seal)
    if token is None:
        raise invalid_parameter("page_token", text, "the next_page_token of the page before")
    return token
