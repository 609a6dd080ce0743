"""Run a graph workflow as an orchestration of this app.

The framework's engine walks the graph: it runs executors as activities and agents as sessions, and follows the edges.
What it awaits are steps, which `drive` waits for as for those of any orchestration. Around it this module sees to what
callers rely on:

* A call of an agent that failed fails the run. The engine takes it for an answer without a text.
* All requests to humans are waited for at the same time, see `durable_agents.workflows.open_requests`. The engine waits
  for one after the other; of two answers to a later one, the first would be lost.
* A workflow inside a workflow is walked by an engine of its own, in the same orchestration: there is one run to look
  at, to cancel and to remove, and its requests are among all others, under ids that begin with the way to them.
* Nothing is unpickled, see `durable_agents.workflows.codec`. The input is checked here, whatever started the run.
* What others read, the custom status and the output, is plain JSON.
* Executors are tried as often as the activities of orchestrations.
"""

from collections.abc import Sequence
from typing import Any

import azure.durable_functions as df
from agent_framework import Workflow, WorkflowExecutor
from agent_framework_azurefunctions._workflow_af_context import AzureFunctionsWorkflowContext
from agent_framework_durabletask import (
    AgentSessionId,
    DurableAgentSession,
    deserialize_workflow_output,
    run_workflow_orchestrator,
    workflow_orchestrator_name,
)
from agent_framework_durabletask._workflows.serialization import SUBWORKFLOW_ADDRESS_KEY, strip_subworkflow_markers
from pydantic_core import to_jsonable_python

from durable_agents.orchestration.ask import GetAgent, raise_if_failed
from durable_agents.orchestration.attempts import DEFAULT_RETRY, attempt
from durable_agents.orchestration.events import Events
from durable_agents.orchestration.human_requests import HumanRequest
from durable_agents.orchestration.registry import Orchestration
from durable_agents.orchestration.steps import Steps, Unused, drive, run_all
from durable_agents.workflows.codec import use_plain_json
from durable_agents.workflows.declared_types import value_of
from durable_agents.workflows.graph_status import GraphStatus
from durable_agents.workflows.open_requests import Inquiries, OpenRequests
from durable_agents.workflows.request_policies import RequestPolicies
from durable_agents.workflows.validation import input_model_of, response_models_of


def graph_orchestration(workflow: Workflow, policies: RequestPolicies | None = None) -> Orchestration:
    """Return the orchestration that runs this workflow, under the name that the framework gives it: `dafx-{name}`.

    Its output is the list of what the executors have yielded, as plain JSON.

    Raises:
        ValueError: What the workflow takes cannot be checked, or it has no name.
    """
    use_plain_json(workflow)
    known = policies or RequestPolicies()

    def run(context: df.DurableOrchestrationContext, *, get_agent: GetAgent) -> Steps[list[Any]]:
        return (yield from drive(context, _run(context, workflow, known, get_agent)))

    run.__name__ = run.__qualname__ = workflow_orchestrator_name(workflow.name)
    return Orchestration(run, input_model_of(workflow), has_any_id=True)


def _run(
    context: df.DurableOrchestrationContext, workflow: Workflow, policies: RequestPolicies, get_agent: GetAgent
) -> Steps[list[Any]]:
    # A model, no JSON: the engine believes JSON that says of itself that it comes from a workflow around this one.
    first_message = value_of(input_model_of(workflow).model_validate(strip_subworkflow_markers(context.get_input())))
    status = GraphStatus(context)
    models = response_models_of(workflow)
    inquiries = Inquiries(context, workflow.name, models, policies, status, Events(context, {}), set())
    result = yield from _Graph(inquiries, get_agent, workflow, "").walk(first_message)
    return list(_to_plain_json(result))


class _Graph(AzureFunctionsWorkflowContext):
    """What the engine has of the orchestration, for one graph in it; all that it awaits are steps.

    `prefix` is the way to the graph from outside, `{executor}~{number}~` for each graph around it.
    """

    def __init__(self, inquiries: Inquiries, get_agent: GetAgent, workflow: Workflow, prefix: str) -> None:
        super().__init__(inquiries.context)
        self._inquiries = inquiries
        self._get_agent = get_agent
        self._workflow = workflow
        self._prefix = prefix
        # Of this execution: the next run under the same id must not meet what the agents were told in this one.
        self._session_key = inquiries.context.new_uuid()
        self._open = OpenRequests(inquiries, prefix)

    def walk(self, first_message: Any) -> Steps[Any]:
        """Walk the graph to its end, and return what the engine does."""
        engine = run_workflow_orchestrator(self, self._workflow, first_message, {})
        result: Any = None
        try:
            while True:
                result = yield from engine.send(result)
        except StopIteration as end:
            return end.value
        finally:
            self._open.close()

    @property
    def is_replaying(self) -> bool:
        """Never, as far as the engine may know: what it shows must be the same in a replay."""
        return False

    def prepare_agent_task(self, executor_id: str, message: str, orchestration_instance_id: str) -> Steps[Any]:
        """Ask the agent, in the one session it has in this run."""
        return self._work(executor_id.removeprefix(f"{self._workflow.name}-"), self._ask(executor_id, message))

    def prepare_activity_task(self, activity_name: str, input_json: str) -> Steps[Any]:
        """Run an executor; it has to be safe to run twice."""
        executor = activity_name.removeprefix(f"{workflow_orchestrator_name(self._workflow.name)}-")
        return self._work(executor, attempt(self._context, activity_name, input_json, DEFAULT_RETRY))

    def call_sub_orchestrator(self, name: str, input: Any, instance_id: str | None = None) -> Steps[Any]:
        """Walk the graph inside this one that `input` is for."""
        prefix = str(input[SUBWORKFLOW_ADDRESS_KEY]["request_path_prefix"])
        executor = prefix.removeprefix(self._prefix).partition("~")[0]
        inside = self._workflow.executors[executor]
        assert isinstance(inside, WorkflowExecutor)
        graph = _Graph(self._inquiries, self._get_agent, inside.workflow, prefix)
        return self._work(executor, graph.walk(input))

    def task_all(self, tasks: Sequence[Steps[Any]]) -> Steps[list[Any]]:
        """Take all steps at the same time; the first that fails ends the others."""
        return run_all(tasks, False, Unused())

    def wait_for_external_event(self, name: str) -> Steps[Any]:
        """Wait for the answer to a request."""
        return self._open.answer(name)

    def set_custom_status(self, status: Any) -> None:
        """Begin to wait for all that the engine says it asks humans; `GraphStatus` shows how the run is."""
        pending = (status.get("pending_requests") or {}).values()
        if pending:
            asked = [HumanRequest(**{**request, "data": _to_plain_json(request["data"])}) for request in pending]
            self._open = OpenRequests(self._inquiries, self._prefix)
            self._open.open(asked)
        self._inquiries.status.write()

    def _work(self, executor: str, steps: Steps[Any]) -> Steps[Any]:
        with self._inquiries.status.working(f"{self._prefix}{executor}"):
            return (yield from steps)

    def _ask(self, agent: str, message: str) -> Steps[Any]:
        session_id = AgentSessionId(name=agent, key=self._session_key)
        durable_agent = self._get_agent(self._context, agent)
        task: Any = durable_agent.run(message, session=DurableAgentSession(durable_session_id=session_id))
        (call,) = task.children
        self._inquiries.status.spending.watch(call)
        try:
            yield task
        except (TypeError, ValueError):
            # The package has tripped over an answer that has nothing but an error.
            if isinstance(call.result, dict):
                raise_if_failed(agent, call.result)
            raise
        raise_if_failed(agent, task.result)
        return task.result


def _to_plain_json(encoded: Any) -> Any:
    return to_jsonable_python(deserialize_workflow_output(encoded))
