"""A run as callers see it: its status, the step that failed, and links to what can be done with it now."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from agent_framework_durabletask import workflow_name_from_orchestrator
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from durable_agents.http.links import Links
from durable_agents.http.problems import ProblemError
from durable_agents.runs.history import find_failed_step, read_steps
from durable_agents.runs.run_models import FailedStep, Run, RunSummary
from durable_agents.runs.status import can_be_rewound, describe_run, is_over, result_address, state_of, waiting_for
from durable_agents.storage.claim_check import ClaimCheck, PayloadError
from durable_agents.threads import in_store_thread


@dataclass(frozen=True, slots=True)
class RunView:
    """Shows runs.

    Attributes:
        agents: The names of agents by those of their entities, as histories have them.
        links: Where callers reach this app.
        claims: What keeps their large payloads.
    """

    agents: Mapping[str, str]
    links: Links
    claims: ClaimCheck

    async def show(
        self, req: func.HttpRequest, client: df.DurableOrchestrationClient, status: DurableOrchestrationStatus
    ) -> Run:
        """Return all there is to say of a run. Only of a failed run the history is read.

        Raises:
            ProblemError: 500, its input or output is kept beside the history, and is not there any more.
        """
        run = describe_run(status)
        run.input = await self.restore(run.instance_id, run.input)
        run.output = await self.restore(run.instance_id, run.output)
        failed_step: FailedStep | None = None
        if run.runtime_status == "Failed":
            with_history = await client.get_status(run.instance_id, show_history=True, show_history_output=True)
            failed_step = find_failed_step(run.orchestration, run.error, read_steps(with_history, self.agents))
        return Run(**dict(run), failed_step=failed_step, links=self._links_of(req, status))

    async def restore(self, instance_id: str, payload: Any) -> Any:
        """Return an input or output of a run as it was before the history had it.

        Raises:
            ProblemError: 500, it is kept beside the history, and is not there any more.
        """
        try:
            return await in_store_thread(self.claims.restore, instance_id, payload)
        except PayloadError as error:
            raise ProblemError(500, "payload-missing", str(error)) from error

    def summarize(self, req: func.HttpRequest, status: DurableOrchestrationStatus) -> RunSummary:
        """Return what a list says of a run."""
        run = describe_run(status)
        return RunSummary(**dict(run), links={"self": self.links.to(req, "runs", run.instance_id)})

    def _links_of(self, req: func.HttpRequest, status: DurableOrchestrationStatus) -> dict[str, str]:
        """Return the URLs of all that can be done with the run now."""
        run_id = str(status.instance_id)
        location = self.links.to(req, "runs", run_id)
        links = {"self": location, "history": f"{location}/history"}
        to = result_address(status)
        if to is not None:
            session = ("agents", to.agent, "sessions", to.session_id)
            links["answer"] = self.links.to(req, *session, "responses", to.correlation_id)
        if is_over(status):
            links |= {"restart": f"{location}/restart", "delete": location}
            return links | ({"rewind": f"{location}/rewind"} if can_be_rewound(status) else {})
        change = "resume" if state_of(status) == "Suspended" else "suspend"
        links |= {"cancel": f"{location}/cancel", change: f"{location}/{change}"}
        awaited = waiting_for(status)
        if "event_name" in awaited:
            links["event"] = f"{location}/events/{awaited['event_name']}"
        if awaited.get("kind") == "approval":
            links["approval"] = self.links.to(req, "approval", run_id)
        if awaited.get("kind") == "human_input":
            workflow = workflow_name_from_orchestrator(str(status.name))
            links["workflow"] = self.links.to(req, "workflow", str(workflow), "status", run_id)
        return links
