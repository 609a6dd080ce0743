"""What a graph must look like to be hosted here; what does not is refused when the app starts.

The framework turns a workflow into functions: `dafx-{workflow}` for the orchestration and `dafx-{workflow}-{executor}`
for each executor. Two functions of one name keep the whole app from starting, and the worker does not say why.
"""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from agent_framework import AgentExecutor, Executor, Workflow, WorkflowExecutor
from agent_framework_durabletask import AgentSessionId, validate_workflow_name, workflow_orchestrator_name
from agent_framework_durabletask._workflows.naming import is_auto_generated_workflow_name
from pydantic import BaseModel

from durable_agents.ids import AGENT_NAME
from durable_agents.workflows.declared_types import answer_models, input_model
from durable_agents.workflows.nesting import first_executor, with_inner

logger = logging.getLogger(__name__)

_LONGEST_FUNCTION_NAME = 127
# The framework's own routes are the functions dafx-{workflow}-start and so on. They are not registered here, but a
# graph must not depend on that.
_RESERVED = {"start", "status", "respond"}


def name_workflows(workflows: Iterable[Workflow]) -> None:
    """Give each workflow without a name that of its first executor: its runs, routes and functions need one that stays.

    The builder would give it another one at each start.

    Raises:
        ValueError: That is impossible as the name of a workflow.
    """
    for workflow in _all_of(workflows):
        if workflow.name and not is_auto_generated_workflow_name(workflow.name):
            continue
        name = first_executor(workflow).id
        try:
            validate_workflow_name(name)
        except ValueError as error:
            raise ValueError(
                f"A workflow has no name, and that of its first executor, {name!r}, is impossible for it. Name it: "
                "WorkflowBuilder(name=..., start_executor=...), with a letter, then letters, digits, '_' and '-'."
            ) from error
        workflow.name = name
        logger.info("The workflow that begins with executor %r has no name of its own, and is called so.", name)


def check_workflows(workflows: Iterable[Workflow], agents: Iterable[str]) -> None:
    """Check that these workflows can be hosted together, beside agents of these names.

    Raises:
        ValueError: A name is missing, impossible, reserved or taken, or what it takes from outside cannot be checked.
    """
    owners = {AgentSessionId.to_entity_name(agent).casefold(): f"agent {agent!r}" for agent in agents}
    for workflow in _all_of(workflows):
        validate_workflow_name(workflow.name)
        for executor in workflow.executors.values():
            _check_executor(workflow, executor)
        input_model_of(workflow)
        response_models_of(workflow)
        for function, owner in _functions_of(workflow):
            other = owners.setdefault(function.casefold(), owner)
            if other != owner:
                raise ValueError(f"{owner} and {other} would both be function {function!r}. Rename one of them.")


def agents_of(workflow: Workflow) -> list[str]:
    """Return the names under which the agents inside a workflow have their sessions: `{workflow}-{executor}`."""
    return [
        f"{graph.name}-{executor.id}"
        for graph in with_inner(workflow)
        for executor in graph.executors.values()
        if isinstance(executor, AgentExecutor)
    ]


def input_model_of(workflow: Workflow) -> type[BaseModel]:
    """Return what a run of the workflow is started with: what its first executor takes; of an agent, a text.

    Raises:
        ValueError: Requests could not be checked by what the first executor declares.
    """
    start = first_executor(workflow)
    try:
        return input_model([str] if isinstance(start, AgentExecutor) else start.input_types)
    except ValueError as error:
        raise ValueError(
            f"Executor {start.id!r}, the first of workflow {workflow.name!r}, takes {_names(start.input_types)}. It "
            "must take what pydantic can read, by which requests are checked: a model, a dataclass, str or other JSON."
        ) from error


def response_models_of(workflow: Workflow) -> dict[str, type[BaseModel]]:
    """Return the models of the answers that the workflow may ask humans for, by `module:class`, as requests name them.

    Raises:
        ValueError: Answers could not be checked by what a response handler declares.
    """
    models: dict[str, type[BaseModel]] = {}
    for executor in (executor for graph in with_inner(workflow) for executor in graph.executors.values()):
        # The framework has no public name for them. Those of agents and of inner workflows are never called here.
        handlers = {} if isinstance(executor, AgentExecutor | WorkflowExecutor) else executor._response_handlers
        for _, response in handlers:
            try:
                models |= answer_models(response)
            except ValueError as error:
                raise ValueError(
                    f"Executor {executor.id!r} of workflow {workflow.name!r} asks humans for {_names([response])}. It "
                    "must ask for what pydantic can read, by which answers are checked."
                ) from error
    return models


def _check_executor(workflow: Workflow, executor: Executor) -> None:
    place = f"Executor {executor.id!r} of workflow {workflow.name!r}"
    if AGENT_NAME.fullmatch(executor.id) is None:
        raise ValueError(f"{place} has an impossible name. Use a letter, then letters, digits, '_' and '-'.")
    if executor.id.casefold() in _RESERVED:
        raise ValueError(
            f"{place} would be function 'dafx-{workflow.name}-{executor.id}', a name that the framework gives to a "
            f"route of the workflow. Rename it; {', '.join(sorted(_RESERVED))} are reserved."
        )
    if len(f"dafx-{workflow.name}-{executor.id}") > _LONGEST_FUNCTION_NAME:
        raise ValueError(f"{place} has a name that is too long for a function. Shorten one of the two.")


def _all_of(workflows: Iterable[Workflow]) -> list[Workflow]:
    """Return the workflows and all inside them, each object once."""
    found: list[Workflow] = []
    for workflow in workflows:
        if not any(workflow is known for known in found):
            found.append(workflow)
            executors = workflow.executors.values()
            inner = [executor.workflow for executor in executors if isinstance(executor, WorkflowExecutor)]
            found += [one for one in _all_of(inner) if not any(one is known for known in found)]
    return found


def _functions_of(workflow: Workflow) -> Iterator[tuple[str, str]]:
    """Yield the name of each function of the workflow, and whose it is."""
    orchestration = workflow_orchestrator_name(workflow.name)
    yield orchestration, f"workflow {workflow.name!r}"
    for executor in workflow.executors:
        yield f"{orchestration}-{executor}", f"executor {executor!r} of workflow {workflow.name!r}"


def _names(types: Iterable[Any]) -> str:
    return ", ".join(getattr(one, "__name__", str(one)) for one in types) or "nothing"
