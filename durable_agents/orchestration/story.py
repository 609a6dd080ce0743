"""Play an orchestration that is written with `OrchestrationContext` as the SDK plays one."""

import inspect
import logging
from collections.abc import Callable, Generator
from typing import Any, get_type_hints

import azure.durable_functions as df
from pydantic import BaseModel

from durable_agents.orchestration.ask import GetAgent
from durable_agents.orchestration.context import ContinuedAsNew, IsRegistered, OrchestrationContext
from durable_agents.orchestration.payload_types import dump
from durable_agents.orchestration.run_payloads import NoPayload, RunPayloads
from durable_agents.orchestration.spending import ALLOWANCE_FIELD, Allowance, Budget
from durable_agents.orchestration.steps import Step, drive
from durable_agents.storage.claim_check import ClaimCheck

Played = Callable[..., Generator[Any, Any, Any]]
"""A generator as the SDK plays it: it takes the durable context, and `get_agent` by keyword."""


def is_story(function: Callable[..., Any]) -> bool:
    """Say whether an orchestration is written with `OrchestrationContext`: its first parameter is annotated so."""
    try:
        hints = get_type_hints(function)
    except NameError:
        # An annotation that is there for type checkers only; those of a story have to be there when it runs.
        return False
    return next(iter(hints.values()), None) is OrchestrationContext


def input_model_of(function: Callable[..., Any]) -> type[BaseModel]:
    """Return the model of the input of an orchestration: the annotation of its second parameter.

    Raises:
        TypeError: It is no pydantic model.
    """
    hints = [hint for name, hint in get_type_hints(function).items() if name != "return"]
    if len(hints) == 2 and isinstance(hints[1], type) and issubclass(hints[1], BaseModel):
        return hints[1]
    raise TypeError(
        f"Orchestration {function.__name__}() must take the context and one pydantic model, with annotations: "
        "(context: OrchestrationContext, request: MyInput) -> Steps[MyOutput]."
    )


def play(
    function: Callable[..., Any],
    internal_fields: set[str],
    is_registered: IsRegistered,
    claims: ClaimCheck,
    budget: Budget,
    budget_of: Callable[[str], Budget],
) -> Played:
    """Return the orchestration in the form of the SDK: its input is read, its output dumped as plain JSON.

    `internal_fields` of a stored input are no part of what it reads; the allowance among them says what it may use. The
    `budget` holds for a run whose input has none of them, which was not started over the API.

    Raises:
        TypeError: It is no plain function.
    """
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"Orchestration {function.__name__}() is async. Write it as a plain generator: `def`, with `yield from` "
            "in front of each step."
        )
    model, logger = input_model_of(function), logging.getLogger(function.__module__)

    def run(durable: df.DurableOrchestrationContext, *, get_agent: GetAgent) -> Generator[Any, Any, Any]:
        stored: Any = durable.get_input()
        unread = {name: stored[name] for name in internal_fields & stored.keys()} if isinstance(stored, dict) else {}
        allowance = Allowance.model_validate(unread.get(ALLOWANCE_FIELD, {})) if unread else Allowance(budget=budget)
        payloads = RunPayloads(durable, claims, internal_fields)
        context = OrchestrationContext(durable, get_agent, is_registered, payloads, logger, allowance, budget_of)
        try:
            output = function(context, model.model_validate(payloads.read_input()))
            if inspect.isgenerator(output) or isinstance(output, Step):
                output = yield from drive(durable, output)
            context.check()
        except ContinuedAsNew:
            return None
        except NoPayload as end:
            # In a replay the run fails as one that has changed its mind, and only the log says why.
            logger.error("%s: %s", durable.instance_id, end.error)
            raise end.error from None
        except Exception:
            context.show_usage()
            raise
        context.show_usage()
        return dump(output)

    run.__name__, run.__qualname__ = function.__name__, function.__qualname__
    run.__module__, run.__doc__ = function.__module__, function.__doc__
    return run
