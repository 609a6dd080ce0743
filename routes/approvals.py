"""`POST /approval/{instance_id}` decides on the draft a run waits with."""

import azure.durable_functions as df
import azure.functions as func
from agent_framework_azurefunctions import AgentFunctionApp

from hosting.approval_decisions import decide, read_approval_body
from hosting.registration import OrchestrationTable, register_route
from hosting.requests import json_response, link


def register(app: AgentFunctionApp, orchestrations: OrchestrationTable) -> None:
    """Register the routes of approvals."""
    register_route(app, "POST", "approval/{instance_id}", decide_approval, orchestrations=orchestrations)


async def decide_approval(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, *, orchestrations: OrchestrationTable
) -> func.HttpResponse:
    """Pass a decision to the run, if the run waits for a decision on exactly this draft."""
    instance_id = req.route_params["instance_id"]
    decision = await decide(client, orchestrations, instance_id, read_approval_body(req))
    location = link(req, "runs", instance_id)
    accepted = {
        "instance_id": instance_id,
        "request_id": decision.request_id,
        "approved": decision.approved,
        "status": "accepted",
        "links": {"self": location},
    }
    return json_response(accepted, 202, {"Location": location, "Retry-After": "1"})
