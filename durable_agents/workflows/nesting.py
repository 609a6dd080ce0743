"""Workflows inside workflows."""

from collections.abc import Iterator

from agent_framework import Executor, Workflow, WorkflowExecutor
from agent_framework_durabletask._workflows.registration import collect_hosted_workflows


def with_inner(workflow: Workflow) -> Iterator[Workflow]:
    """Yield the workflow, and each one inside it once.

    Raises:
        ValueError: Two different ones have one name.
    """
    yield from collect_hosted_workflows(workflow)


def first_executor(workflow: Workflow) -> Executor:
    """Return the executor that a run begins with, which may be one of a workflow inside."""
    start = workflow.get_start_executor()
    return first_executor(start.workflow) if isinstance(start, WorkflowExecutor) else start
