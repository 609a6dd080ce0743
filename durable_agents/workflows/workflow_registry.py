"""The graph workflows of the app, found by name."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from agent_framework import Workflow
from agent_framework_durabletask import workflow_orchestrator_name
from pydantic import BaseModel

from durable_agents.http.problems import ProblemError
from durable_agents.orchestration.registry import Orchestration, OrchestrationRegistry
from durable_agents.workflows.request_policies import RequestPolicies
from durable_agents.workflows.validation import response_models_of


@dataclass(frozen=True, slots=True)
class HostedWorkflow:
    """A workflow, and the orchestration that runs it.

    Attributes:
        name: As it stands in its routes.
        orchestration: What its runs are runs of.
        graph: The graph itself.
        responses: The models of the answers it may ask humans for, by `module:class`.
        policies: Who is asked for them, and for how long.
    """

    name: str
    orchestration: Orchestration
    graph: Workflow
    responses: Mapping[str, type[BaseModel]]
    policies: RequestPolicies


class WorkflowRegistry:
    """The workflows of the app; as in the routes of the Functions host, case does not matter in a name.

    Raises:
        ValueError: The orchestration of a workflow is not in the table, so nothing would run it.
    """

    def __init__(
        self,
        workflows: Iterable[Workflow],
        orchestrations: OrchestrationRegistry,
        policies: RequestPolicies | None = None,
    ) -> None:
        known = policies or RequestPolicies()
        self._by_name = {workflow.name.casefold(): _host(workflow, orchestrations, known) for workflow in workflows}

    def __iter__(self) -> Iterator[HostedWorkflow]:
        return iter(self._by_name.values())

    def of_orchestration(self, name: str | None) -> HostedWorkflow | None:
        """Return the workflow whose runs are of the orchestration of this name, or None."""
        key = str(name).casefold()
        return next((workflow for workflow in self if workflow.orchestration.name.casefold() == key), None)

    def find(self, name: str) -> HostedWorkflow:
        """Return the workflow of this name.

        Raises:
            ProblemError: 404 that names the workflows there are.
        """
        found = self._by_name.get(name.casefold())
        if found is None:
            known = [workflow.name for workflow in self]
            detail = f"There is no workflow {name!r}. Known: {', '.join(known)}."
            raise ProblemError(404, "unknown-workflow", detail, known=known)
        return found


def _host(workflow: Workflow, orchestrations: OrchestrationRegistry, policies: RequestPolicies) -> HostedWorkflow:
    orchestration = orchestrations.find(workflow_orchestrator_name(workflow.name))
    if orchestration is None:
        raise ValueError(
            f"Workflow {workflow.name!r} has no orchestration. Add graph_orchestration(...) of it to the table of "
            "orchestrations, which registers it."
        )
    return HostedWorkflow(workflow.name, orchestration, workflow, response_models_of(workflow), policies)
