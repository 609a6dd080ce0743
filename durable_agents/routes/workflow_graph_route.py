"""`/workflow/{workflow}/graph`: a graph workflow as a picture."""

from typing import Literal

import azure.durable_functions as df
import azure.functions as func

from durable_agents.http.access import Resource
from durable_agents.http.contracts import Contract, Parameter
from durable_agents.http.problems import invalid_parameter
from durable_agents.http.requests import json_response
from durable_agents.http.routing import Router
from durable_agents.runs.status import is_over
from durable_agents.workflows.graph_picture import WorkflowGraph, graph_of, to_mermaid
from durable_agents.workflows.graph_status import read_executors
from durable_agents.workflows.human_answers import find_workflow_run
from durable_agents.workflows.workflow_registry import WorkflowRegistry

_PICTURE = (
    Parameter("format", Literal["json", "mermaid"], "JSON, or a Mermaid flowchart; left out, what `Accept` says."),
    Parameter("run", str, "The id of a run, whose executors are marked with how they are."),
)


class WorkflowGraphRoute:
    """The route of the pictures of workflows."""

    def __init__(self, workflows: WorkflowRegistry) -> None:
        self._workflows = workflows

    def register(self, router: Router) -> None:
        """Register the route."""
        contract = Contract({200: (WorkflowGraph, "text/plain")}, parameters=_PICTURE)
        contracts = {workflow.name: contract for workflow in self._workflows}
        router.add("GET", "workflow/{workflow}/graph", self.get_workflow_graph, contract=contracts, resource=_resource)

    async def get_workflow_graph(
        self, req: func.HttpRequest, client: df.DurableOrchestrationClient
    ) -> func.HttpResponse:
        """Return the graph as it was built: as JSON, or as a Mermaid flowchart, as `format` or `Accept` says.

        With `run`, also how the executors are in that run.
        """
        workflow, run_id = self._workflows.find(req.route_params["workflow"]), req.params.get("run")
        states = None
        if run_id is not None:
            status = (await find_workflow_run(client, workflow, run_id)).status
            states = read_executors(status.custom_status, is_over=is_over(status))
        graph = graph_of(workflow.graph, states)
        if _wants_mermaid(req):
            return func.HttpResponse(to_mermaid(graph), mimetype="text/plain", charset="utf-8")
        return json_response(graph)


def _resource(req: func.HttpRequest) -> Resource:
    return Resource(workflow=req.route_params["workflow"], run=req.params.get("run"))


def _wants_mermaid(req: func.HttpRequest) -> bool:
    """Say whether the caller wants the picture and no JSON.

    Raises:
        ProblemError: 400, the format is none of the two.
    """
    form: str | None = req.params.get("format")
    if form is None:
        accepted_types: list[str] = [one.partition(";")[0].strip() for one in req.headers.get("accept", "").split(",")]
        return "application/json" not in accepted_types and not {"text/plain", "text/vnd.mermaid"}.isdisjoint(
            accepted_types
        )
    if form not in ("json", "mermaid"):
        raise invalid_parameter("format", form, "json or mermaid")
    return form == "mermaid"
