"""Tell when a run has ended: a webhook, if its start has named one, and the conversation in which it was started.

The report is the last thing the run does, so it is as durable as the run: a crash at any moment repeats it or nothing.
Until a webhook is told or given up the run is Running; word to a conversation is sent with the end itself, or not at
all. What the run ends with is never changed by either.
"""

import functools
import json
import logging
from collections.abc import Callable, Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

from durable_agents.activities.deliver_webhook import WebhookDelivery, deliver_webhook
from durable_agents.orchestration.spending import read_usage
from durable_agents.sessions.run_results import RESULT_FIELD, End, ResultAddress, RunResult
from durable_agents.sessions.tool_results import trim_text

logger = logging.getLogger(__name__)

WEBHOOK_FIELD = "completion_webhook"
"""The field of a stored input that names the URL to tell; no orchestration reads it."""

DELIVERY_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600))
"""The pauses between the attempts; after the last attempt the report is given up."""

_MOST_OUTPUT_BYTES = 65_536


def reporting_end(orchestration: Callable[..., Any], result_bytes: int) -> Callable[..., Any]:
    """Return the orchestration with a report at its end, whether it returns or raises.

    A conversation is told `result_bytes` of the output. Without a webhook or a conversation in its input, a run has the
    history it would have had. One that begins anew has not ended.
    """

    name = orchestration.__name__

    @functools.wraps(orchestration)
    def run(context: df.DurableOrchestrationContext, **dependencies: Any) -> Generator[Any, Any, Any]:
        try:
            output = yield from orchestration(context, **dependencies)
            # What is no JSON fails the run in the SDK, after this: it is to be reported so.
            text = json.dumps(output)
        except Exception as error:
            reason = first_line(error)
            yield from _report(context, name, "Failed", error=reason)
            _bring_back(context, name, "Failed", str(reason), result_bytes)
            raise
        if not context.will_continue_as_new:
            yield from _report(context, name, "Completed", output=output)
            _bring_back(context, name, "Completed", text, result_bytes)
        return output

    return run


def first_line(text: object) -> str | None:
    """Return the first line of an error, all that callers may see of it: the host puts stack traces into the others."""
    return None if text is None else str(text).strip().partition("\n")[0].strip()


def _report(
    context: df.DurableOrchestrationContext,
    name: str,
    status: str,
    *,
    output: object = None,
    error: str | None = None,
) -> Generator[Any, Any, None]:
    """Deliver the report, with pauses where that fails; a report that is given up is logged and forgotten."""
    run_input = context.get_input()
    url = run_input.get(WEBHOOK_FIELD) if isinstance(run_input, dict) else None
    if url is None or context.will_continue_as_new:
        return
    usage = read_usage(context.custom_status)
    shown = {} if usage is None else {"usage": usage.model_dump()}
    context.set_custom_status({"stage": "reporting_end", **shown})
    is_large = len(json.dumps(output)) > _MOST_OUTPUT_BYTES
    delivery = WebhookDelivery(
        url=url,
        delivery_id=context.new_uuid(),
        event=f"run.{status.lower()}",
        instance_id=context.instance_id,
        orchestration=name,
        status=status,
        output=None if is_large else output,
        output_omitted=is_large,
        error=error,
        ended_at=context.current_utc_datetime,
    ).model_dump(mode="json")
    for pause in (*DELIVERY_PAUSES, None):
        try:
            yield context.call_activity(deliver_webhook.__name__, delivery)
            return
        except Exception as failure:
            if pause is None:
                _log_given_up(context, failure)
                return
        yield context.create_timer(context.current_utc_datetime + pause)


def _bring_back(context: df.DurableOrchestrationContext, name: str, status: End, text: str, most_bytes: int) -> None:
    """Tell the conversation in which the run was started what came of it, if it is to be told."""
    run_input = context.get_input()
    address = run_input.get(RESULT_FIELD) if isinstance(run_input, dict) else None
    if address is None:
        return
    to = ResultAddress.model_validate(address)
    result = RunResult(
        run_id=context.instance_id, orchestration=name, status=status, text=trim_text(text, most_bytes), to=to
    )
    context.signal_entity(to.entity, "result", result.model_dump(mode="json"))


def _log_given_up(context: df.DurableOrchestrationContext, failure: Exception) -> None:
    if not context.is_replaying:
        logger.error("%s: the report of its end is given up: %s", context.instance_id, first_line(failure))
