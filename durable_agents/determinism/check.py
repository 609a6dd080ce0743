"""Checks orchestrations that have been found in their sources."""

from collections.abc import Iterable
from contextlib import suppress
from typing import TypeAlias

from durable_agents.determinism.durable_calls import Registered, check_names
from durable_agents.determinism.evaluation import Evaluator
from durable_agents.determinism.findings import Finding, Form
from durable_agents.determinism.values import Fixed, Function
from durable_agents.determinism.walk import Walk

Orchestrated: TypeAlias = tuple[Function, Form, Fixed]
"""An orchestration, how it is written, and the fields of its input that only the deployment sets."""


def check(orchestrations: Iterable[Orchestrated], registered: Registered, evaluator: Evaluator) -> set[Finding]:
    """Return what is wrong with orchestrations, in an app that has registered these names."""
    walk = Walk(evaluator)
    for function, form, fixed in orchestrations:
        # What is nested deeper than Python itself goes is not looked at.
        with suppress(RecursionError):
            walk.start(function, form, fixed)
    evaluator.forget()
    return walk.findings | set(check_names(walk.names, registered, evaluator))
