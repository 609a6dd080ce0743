"""A run as callers see it: its status, the step that failed, and links to what can be done with it now."""

from collections.abc import Mapping
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from agent_framework_durabletask import workflow_name_from_orchestrator
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from durable_agents.http.requests import link
from durable_agents.runs.history import find_failed_step, read_steps
from durable_agents.runs.status import can_be_rewound, describe_run, is_over, state_of


async def view_run(
    req: func.HttpRequest,
    client: df.DurableOrchestrationClient,
    status: DurableOrchestrationStatus,
    agents: Mapping[str, str],
) -> dict[str, Any]:
    """Return a run as plain JSON. `agents` has the names of agents by those of their entities.

    Only of a failed run the history is read.
    """
    run = describe_run(status)
    run["failed_step"] = None
    if run["runtime_status"] == "Failed":
        with_history = await client.get_status(run["instance_id"], show_history=True, show_history_output=True)
        steps = read_steps(with_history, agents)
        run["failed_step"] = find_failed_step(run["orchestration"], run["error"], steps)
    return {**run, "links": links_of(req, status)}


def links_of(req: func.HttpRequest, status: DurableOrchestrationStatus) -> dict[str, str]:
    """Return the URLs of all that can be done with the run now."""
    run_id = str(status.instance_id)
    location = link(req, "runs", run_id)
    links = {"self": location, "history": f"{location}/history"}
    if is_over(status):
        links |= {"restart": f"{location}/restart", "delete": location}
        if can_be_rewound(status):
            links["rewind"] = f"{location}/rewind"
        return links
    links["cancel"] = f"{location}/cancel"
    change = "resume" if state_of(status) == "Suspended" else "suspend"
    links[change] = f"{location}/{change}"
    waiting_for = describe_run(status)["waiting_for"] or {}
    if "event_name" in waiting_for:
        links["event"] = f"{location}/events/{waiting_for['event_name']}"
    if waiting_for.get("kind") == "approval":
        links["approval"] = link(req, "approval", run_id)
    if waiting_for.get("kind") == "human_input":
        workflow = workflow_name_from_orchestrator(str(status.name))
        links["workflow"] = link(req, "workflow", str(workflow), "status", run_id)
    return links
