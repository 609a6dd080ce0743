"""A run of a graph, replayed from the start at every turn; its executors run for real."""

import json
from datetime import datetime, timedelta
from typing import Any

from agent_framework import Workflow
from agent_framework_durabletask import execute_workflow_activity

from durable_agents.testing import Replay, replay
from durable_agents.workflows.graph import graph_orchestration
from durable_agents.workflows.nesting import with_inner
from durable_agents.workflows.request_policies import RequestPolicies, RequestPolicy

TOLD = {"channel": "outbox"}


class GraphReplay:
    """One run of a workflow."""

    def __init__(
        self, workflow: Workflow, run_input: Any, policies: dict[type, RequestPolicy] | None = None, **options: Any
    ) -> None:
        orchestration = graph_orchestration(workflow, RequestPolicies(policies or {}))
        # The app has no policies: the orchestration that is played is this one.
        self.run: Replay = replay(orchestration, run_input, **options)
        self._executors = {
            f"dafx-{graph.name}-{executor.id}": (executor, graph)
            for graph in with_inner(workflow)
            for executor in graph.executors.values()
        }
        self.told: list[dict[str, Any]] = []

    def work(self) -> None:
        """Let executors work and reviewers be told until the run waits for somebody or something else."""
        while names := [leaf["functionName"] for leaf in self.run.open.values() if "functionName" in leaf]:
            self.work_on(names[0])

    def work_on(self, name: str) -> None:
        """Let one executor work, or the reviewers be told."""
        if name == "notify_reviewer":
            self.told.append(self.run.waits_for(name))
            self.run.complete(name, TOLD)
            return
        executor, graph = self._executors[name]
        payload = json.loads(self.run.action(name)["input"])
        self.run.complete(name, execute_workflow_activity(executor, payload, graph))

    def pass_time(self, duration: timedelta) -> None:
        """Let time pass, with all that is done in it."""
        until = self.run.now + duration
        self.work()
        while due := sorted((leaf["fireAt"], number) for number, leaf in self.run.timers().items()):
            if _time(due[0][0]) > until:
                break
            self.run.fire(due[0][1])
            self.work()
        self.run.now = max(self.run.now, until)

    @property
    def status(self) -> dict[str, Any]:
        """The custom status."""
        status: dict[str, Any] = self.run.state["customStatus"]
        return status

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What it asks humans now."""
        waiting_for = self.status.get("waiting_for") or {"requests": []}
        requests: list[dict[str, Any]] = waiting_for["requests"]
        return requests

    def states(self) -> dict[str, str]:
        """How its executors are."""
        return {name: executor["state"] for name, executor in self.status["executors"].items()}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
