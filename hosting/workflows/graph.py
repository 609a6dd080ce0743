"""Run a graph workflow as an orchestration of this app.

The framework's engine walks the graph: it runs executors as activities and agents as sessions, and follows the edges.
Around it this module sees to what callers rely on:

* A call of an agent that failed fails the run. The engine takes it for an answer without a text.
* All requests to humans are waited for at the same time, and an answered one no longer shows. The engine waits for one
  after the other; of two answers to a later one, the first would be lost.
* What others read, the custom status and the output, is plain JSON. The engine pickles whatever is no JSON.
* Executors are tried as often as the activities of orchestrations.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import azure.durable_functions as df
from agent_framework import Workflow
from agent_framework_azurefunctions._workflow_af_context import AzureFunctionsWorkflowContext
from agent_framework_durabletask import (
    AgentSessionId,
    DurableAgentSession,
    deserialize_workflow_output,
    run_workflow_orchestrator,
    workflow_orchestrator_name,
)
from pydantic_core import to_jsonable_python

from hosting.agents.calls import GetAgent, Steps, raise_if_failed
from hosting.names import is_human_request_id
from hosting.registration import Orchestration
from hosting.retries import SIDE_EFFECT_RETRY
from hosting.workflows.requests import HumanInput, HumanRequest
from hosting.workflows.shape import input_model_of


def graph_orchestration(workflow: Workflow) -> Orchestration:
    """Return the orchestration that runs this workflow, under the name that the framework gives it: `dafx-{name}`.

    Its output is the list of what the executors have yielded, as plain JSON.

    Raises:
        ValueError: The workflow does not take one pydantic model, or has no name.
    """

    def run(context: df.DurableOrchestrationContext, *, get_agent: GetAgent) -> Steps[list[Any]]:
        return (yield from _run(context, workflow, get_agent))

    run.__name__ = run.__qualname__ = workflow_orchestrator_name(workflow.name)
    return Orchestration(run, input_model_of(workflow), has_any_id=True)


def _run(context: df.DurableOrchestrationContext, workflow: Workflow, get_agent: GetAgent) -> Steps[list[Any]]:
    graph = _Graph(context, get_agent)
    engine = run_workflow_orchestrator(graph, workflow, context.get_input(), {})
    result: Any = None
    while True:
        try:
            awaited = engine.send(result)
        except StopIteration as end:
            return list(_to_plain_json(end.value))
        result = yield from graph.wait_for(awaited)


@dataclass(frozen=True, slots=True)
class _Answer:
    """Stands for the answer to a request, in the place of a task; `_Graph.wait_for` knows it."""

    request_id: str


class _Graph(AzureFunctionsWorkflowContext):
    """What the engine has of the orchestration."""

    def __init__(self, context: df.DurableOrchestrationContext, get_agent: GetAgent) -> None:
        super().__init__(context)
        self._get_agent = get_agent
        self._asked: list[tuple[str, Any]] = []
        self._stage = "running"
        self._requests: list[HumanRequest] = []
        self._known_requests: set[str] = set()
        self._waits: dict[str, Any] = {}

    @property
    def is_replaying(self) -> bool:
        """Never, as far as the engine may know: what it shows must be the same in a replay."""
        return False

    def prepare_agent_task(self, executor_id: str, message: str, orchestration_instance_id: str) -> Any:
        """Ask the agent, in the one session it has in this run."""
        session_id = AgentSessionId(name=executor_id, key=orchestration_instance_id)
        agent = self._get_agent(self._context, executor_id)
        task = agent.run(message, session=DurableAgentSession(durable_session_id=session_id))
        self._asked.append((executor_id, task))
        return task

    def prepare_activity_task(self, activity_name: str, input_json: str) -> Any:
        """Run an executor; it has to be safe to run twice."""
        return self._context.call_activity_with_retry(activity_name, SIDE_EFFECT_RETRY, input_json)

    def set_custom_status(self, status: Any) -> None:
        """Show what the engine tells, in the form of all runs, and begin to wait for all it asks."""
        pending = (status.get("pending_requests") or {}).values()
        self._requests = [HumanRequest(**{**request, "data": _to_plain_json(request["data"])}) for request in pending]
        self._check_requests()
        self._waits = {request.request_id: self._wait(request.request_id) for request in self._requests}
        self._stage = status["state"]
        self._show()

    def wait_for_external_event(self, name: str) -> Any:
        """Return what stands for the answer. The engine asks again when it has refused one."""
        if name not in self._waits:
            self._waits[name] = self._wait(name)
            self._show()
        return _Answer(name)

    def wait_for(self, awaited: Any) -> Generator[Any, Any, Any]:
        """Return the result of what the engine awaits; use with `yield from`.

        Raises:
            AgentError: It was the call of an agent, which failed.
        """
        if isinstance(awaited, _Answer):
            return (yield from self._wait_for_answer(awaited.request_id))
        try:
            result = yield awaited
        except (TypeError, ValueError):
            self._raise_if_an_agent_failed()
            raise
        self._raise_if_an_agent_failed()
        return result

    def _wait_for_answer(self, request_id: str) -> Generator[Any, Any, Any]:
        while not self._waits[request_id].is_completed:
            yield self._context.task_any([wait for wait in self._waits.values() if not wait.is_completed])
            self._show()
        return self._waits.pop(request_id).result

    def _raise_if_an_agent_failed(self) -> None:
        asked, self._asked = self._asked, []
        for name, task in asked:
            # The task may have tripped over an answer that has nothing but an error.
            (call,) = task.children
            if isinstance(call.result, dict):
                raise_if_failed(name, call.result)

    def _check_requests(self) -> None:
        """Refuse ids that no answer could be sent to, or only that to an earlier request."""
        for request in self._requests:
            name = request.request_id
            problem = "had a request before" if name in self._known_requests else None
            if not is_human_request_id(name):
                problem = "is impossible: use 1 to 128 letters, digits, '_', '.', ':' and '-'"
            if problem is not None:
                place = f"Executor {request.source_executor_id!r} asks a human under id {name!r}"
                raise ValueError(f"{place}, which {problem}. Leave request_id out, and the framework makes one.")
            self._known_requests.add(name)

    def _wait(self, name: str) -> Any:
        return self._context.wait_for_external_event(name)

    def _show(self) -> None:
        waits = self._waits
        is_open = {name for name, wait in waits.items() if not wait.is_completed}
        requests = [request for request in self._requests if request.request_id in is_open]
        status: dict[str, Any] = {"stage": self._stage}
        if requests:
            status["waiting_for"] = HumanInput(requests=requests).model_dump(mode="json")
        super().set_custom_status(status)


def _to_plain_json(encoded: Any) -> Any:
    return to_jsonable_python(deserialize_workflow_output(encoded))
