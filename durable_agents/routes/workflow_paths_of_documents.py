"""`/workflows/...`: the paths of the documents for .NET; each says where the same is here."""

import azure.durable_functions as df
import azure.functions as func

from durable_agents.http.contracts import Contract
from durable_agents.http.links import Links
from durable_agents.http.problems import ProblemError
from durable_agents.http.routing import Router
from durable_agents.ids import INSTANCE_ID, fits
from durable_agents.workflows.human_answers import find_workflow_run
from durable_agents.workflows.workflow_registry import WorkflowRegistry


class WorkflowPathsOfDocuments:
    """Leads to the routes of workflows: 308 where the path is all that differs, else 404 with the right ones."""

    def __init__(self, workflows: WorkflowRegistry, links: Links) -> None:
        self._workflows = workflows
        self._links = links

    def register(self, router: Router) -> None:
        """Register the routes."""
        for method, template, handler in (
            ("POST", "workflows/{workflow}/run", self.run_workflow_elsewhere),
            ("GET", "workflows/{workflow}/status/{instance_id}", self.get_workflow_status_elsewhere),
            ("POST", "workflows/{workflow}/respond/{instance_id}", self.respond_to_workflow_elsewhere),
        ):
            router.add(method, template, handler, contract=Contract({}, problems=(308,)))

    async def run_workflow_elsewhere(self, req: func.HttpRequest) -> func.HttpResponse:
        """Say where a run of a workflow is started: `/workflow/{workflow}/run`, as in the documents of Python."""
        workflow = self._workflows.find(req.route_params["workflow"])
        return _moved(req, self._links.to(req, "workflow", workflow.name, "run"))

    async def get_workflow_status_elsewhere(self, req: func.HttpRequest) -> func.HttpResponse:
        """Say where the status of a run is: `/workflow/{workflow}/status/{instance_id}`."""
        workflow, instance_id = self._workflows.find(req.route_params["workflow"]), req.route_params["instance_id"]
        if not fits(INSTANCE_ID, instance_id):
            raise ProblemError(404, "unknown-run", f"There is no run {instance_id!r}.")
        return _moved(req, self._links.to(req, "workflow", workflow.name, "status", instance_id))

    async def respond_to_workflow_elsewhere(
        self, req: func.HttpRequest, client: df.DurableOrchestrationClient
    ) -> func.HttpResponse:
        """Say where the requests of a run are answered: each has an address of its own."""
        workflow = self._workflows.find(req.route_params["workflow"])
        run = await find_workflow_run(client, workflow, req.route_params["instance_id"])
        respond_url = self._links.to(req, "workflow", workflow.name, "respond", str(run.status.instance_id))
        urls = [f"{respond_url}/{request.request_id}" for request in run.open_requests]
        detail = f"Each request of a run is answered at an address of its own: POST {respond_url}/{{requestId}}."
        detail += f" It waits with: {', '.join(urls)}." if urls else " It waits with none now."
        raise ProblemError(404, "answered-elsewhere", detail, respond_urls=urls)


def _moved(req: func.HttpRequest, location: str) -> func.HttpResponse:
    """Return the answer that leads there; the method and the body stay."""
    response = ProblemError(308, "moved", f"This is at {location}.").to_response(req.url)
    response.headers["Location"] = location
    return response
