"""Run a graph workflow as an orchestration of this app.

The framework's engine walks the graph: it runs executors as activities and agents as sessions, and follows the edges.
Around it this module sees to what callers rely on:

* A call of an agent that failed fails the run. The engine takes it for an answer without a text.
* All requests to humans are waited for at the same time, and an answered one no longer shows. The engine waits for one
  after the other; of two answers to a later one, the first would be lost.
* Nothing is unpickled, see `durable_agents.workflows.codec`. The input is checked here, whatever started the run, and
  so is each answer of a human: what is none is ignored, and its request stays open.
* What others read, the custom status and the output, is plain JSON.
* Executors are tried as often as the activities of orchestrations.
"""

import logging
from collections.abc import Generator, Mapping
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
from agent_framework_durabletask._workflows.serialization import strip_subworkflow_markers
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from durable_agents.ids import HUMAN_REQUEST_ID, fits
from durable_agents.orchestration.ask import GetAgent, raise_if_failed
from durable_agents.orchestration.human_requests import HumanInput, HumanRequest, read_human_answer
from durable_agents.orchestration.registry import Orchestration
from durable_agents.orchestration.steps import Steps
from durable_agents.orchestration.tasks import SIDE_EFFECT_RETRY
from durable_agents.workflows.codec import use_plain_json
from durable_agents.workflows.declared_types import value_of
from durable_agents.workflows.validation import input_model_of, response_models_of

logger = logging.getLogger(__name__)


def graph_orchestration(workflow: Workflow) -> Orchestration:
    """Return the orchestration that runs this workflow, under the name that the framework gives it: `dafx-{name}`.

    Its output is the list of what the executors have yielded, as plain JSON.

    Raises:
        ValueError: What the workflow takes cannot be checked, or it has no name.
    """
    use_plain_json(workflow)

    def run(context: df.DurableOrchestrationContext, *, get_agent: GetAgent) -> Steps[list[Any]]:
        return (yield from _run(context, workflow, get_agent))

    run.__name__ = run.__qualname__ = workflow_orchestrator_name(workflow.name)
    return Orchestration(run, input_model_of(workflow), has_any_id=True)


def _run(context: df.DurableOrchestrationContext, workflow: Workflow, get_agent: GetAgent) -> Steps[list[Any]]:
    graph = _Graph(context, get_agent, response_models_of(workflow))
    # A model, no JSON: the engine believes JSON that says of itself that it comes from a workflow around this one.
    first_message = value_of(input_model_of(workflow).model_validate(strip_subworkflow_markers(context.get_input())))
    engine = run_workflow_orchestrator(graph, workflow, first_message, {})
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

    def __init__(
        self,
        context: df.DurableOrchestrationContext,
        get_agent: GetAgent,
        response_models: Mapping[str, type[BaseModel]],
    ) -> None:
        super().__init__(context)
        self._get_agent = get_agent
        # Of this execution: the next run under the same id must not meet what the agents were told in this one.
        self._session_key = context.new_uuid()
        self._response_models = response_models
        self._asked: list[tuple[str, Any]] = []
        self._stage = "running"
        self._requests: list[HumanRequest] = []
        self._models: dict[str, type[BaseModel]] = {}
        self._waits: dict[str, Any] = {}

    @property
    def is_replaying(self) -> bool:
        """Never, as far as the engine may know: what it shows must be the same in a replay."""
        return False

    def prepare_agent_task(self, executor_id: str, message: str, orchestration_instance_id: str) -> Any:
        """Ask the agent, in the one session it has in this run."""
        session_id = AgentSessionId(name=executor_id, key=self._session_key)
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
        """Return what stands for the answer, which is waited for already."""
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
            self._ask_again()
            self._show()
        answer = self._read(request_id)
        return None if answer is None else value_of(answer)

    def _ask_again(self) -> None:
        """Wait anew where what has come is no answer; whoever may raise events may have sent it past the route."""
        for name, wait in self._waits.items():
            if wait.is_completed and self._read(name) is None:
                self._waits[name] = self._wait(name)
                if not self._context.is_replaying:
                    place = f"{self.instance_id}: an event was ignored, for it is no answer to request {name!r}"
                    logger.warning("%s, which takes a %s.", place, self._models[name].__name__)

    def _read(self, name: str) -> BaseModel | None:
        return read_human_answer(self._waits[name].result, self._models[name])

    def _raise_if_an_agent_failed(self) -> None:
        asked, self._asked = self._asked, []
        for name, task in asked:
            # The task may have tripped over an answer that has nothing but an error.
            (call,) = task.children
            if isinstance(call.result, dict):
                raise_if_failed(name, call.result)

    def _check_requests(self) -> None:
        """Refuse requests that no answer could be sent to, or could be checked, and ids that were used before."""
        for request in self._requests:
            name, model = request.request_id, self._response_models.get(str(request.response_type))
            place = f"Executor {request.source_executor_id!r} asks a human under id {name!r}, which"
            if not fits(HUMAN_REQUEST_ID, name):
                possible = "use 1 to 128 letters, digits, '_', '.', ':' and '-', or leave request_id out"
                raise ValueError(f"{place} is impossible: {possible}, and the framework makes one.")
            if name in self._models:
                raise ValueError(f"{place} had a request before. Leave request_id out, and the framework makes one.")
            if model is None:
                raise ValueError(
                    f"{place} wants a {request.response_type!r}. Give an executor a response handler for it."
                )
            self._models[name] = model

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
