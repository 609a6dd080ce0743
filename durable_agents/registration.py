"""Register plain functions on the app. They stay importable and testable."""

import functools
from collections.abc import Callable
from typing import Any, cast

import azure.durable_functions as df
from agent_framework_azurefunctions import AgentFunctionApp
from pydantic import BaseModel

from durable_agents.binding import bind, bind_activity
from durable_agents.orchestration.completion_reports import reporting_end
from durable_agents.orchestration.registry import Orchestration


def register_orchestration(app: AgentFunctionApp, orchestration: Orchestration) -> None:
    """Register the generator under its own name, with `get_agent` filled in; at its end it reports to its webhook."""
    function = reporting_end(orchestration.function)
    with_agents = functools.update_wrapper(functools.partial(function, get_agent=app.get_agent), function)
    app.orchestration_trigger(context_name="context")(with_agents)


def register_activity(app: AgentFunctionApp, function: Callable[..., BaseModel], **dependencies: Any) -> None:
    """Register an activity under its own name; `dependencies` fill its keyword-only parameters.

    Raises:
        TypeError: The function or its dependencies do not fit, see `bind_activity`.
    """
    activity = bind_activity(function, **dependencies)
    (parameter,) = (name for name in activity.__annotations__ if name != "return")
    app.activity_trigger(input_name=parameter)(activity)


def register_timer(app: AgentFunctionApp, schedule: str, handler: Callable[..., Any], **dependencies: Any) -> None:
    """Register an async function that a timer calls; `dependencies` fill its keyword-only parameters.

    `schedule` is a cron expression with seconds. The handler takes `timer` and `client`.

    Raises:
        TypeError: The dependencies do not fit, see `bind`.
    """
    function = cast(df.DFApp, app).durable_client_input(client_name="client")(bind(handler, **dependencies))
    cast(df.DFApp, app).timer_trigger(arg_name="timer", schedule=schedule)(function)
