"""Tools with which an agent starts an orchestration and asks how it is, for work that takes longer than a turn.

A turn that a crash interrupts is repeated; the idempotency key of its tool call makes a repeated start find the run of
the first time. A session sees only the runs that it has started itself.
"""

import json
from collections.abc import Sequence
from typing import Any

import azure.durable_functions as df
from agent_framework import FunctionInvocationContext, FunctionTool
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from durable_agents.http.problems import ProblemError
from durable_agents.ids import INSTANCE_ID, fits
from durable_agents.orchestration.registry import Orchestration
from durable_agents.owners import owned, owner_of
from durable_agents.runs.starts import RunStarts, instance_id_for, stored_input_for
from durable_agents.runs.status import STARTED_BY_FIELD, describe_run, read_input
from durable_agents.sessions.entity import DURABLE_CLIENT, SESSION
from durable_agents.sessions.entity_function import HubClient
from durable_agents.sessions.meter import IDEMPOTENCY_KEY
from durable_agents.sessions.run_results import CHAIN, RESULT_FIELD, RESULTS, ResultDesk
from durable_agents.threads import in_store_thread

_SHOWN = {"instance_id", "runtime_status", "stage", "waiting_for", "output", "error"}
_CHAIN_ENDS = (
    "Nothing was started: {} runs have followed one another, each started on the result of the one before, and no more "
    "may. Tell the user, who can ask for another one."
)
_RUN_ID = {
    "type": "object",
    "properties": {"run_id": {"type": "string", "description": "The run_id that the start returned"}},
    "required": ["run_id"],
}


def create_run_tools(
    orchestration: Orchestration, fields: Sequence[str], *, brings_result: bool = True
) -> list[FunctionTool]:
    """Return `start_<name>`, which takes these fields of the orchestration's input and no others, and `check_<name>`.

    A model does what a text it has read tells it, so it is given only what any caller may decide. Both answer with
    JSON. Input that does not fit is told to the model as the result of the call. They work only in a session of the
    app, where a tool is given a durable client.

    When a run is over, its result is told to the agent in a turn of its own, once, unless `brings_result` is false; a
    conversation that was cleared or has ended since, or is an orchestration's, is told nothing. Such a turn may start
    another run, and so on, as often as `TurnLimits.chained_runs` says.
    """
    starts = RunStarts()
    schema = _schema(orchestration, fields)

    async def start(context: FunctionInvocationContext, **given: Any) -> str:
        try:
            stored_input = stored_input_for(orchestration, given)
        except ProblemError as problem:
            return json.dumps({"error": problem.detail})
        stored_input[STARTED_BY_FIELD] = context.metadata[SESSION]
        session_id = str(context.metadata[SESSION]).partition("/")[2]
        run_id = owned(instance_id_for(orchestration.name, context.metadata[IDEMPOTENCY_KEY]), owner_of(session_id))
        desk: ResultDesk | None = context.metadata[RESULTS] if brings_result else None
        if desk is not None:
            chain: int = context.metadata[CHAIN]
            if chain >= desk.most:
                return json.dumps({"error": _CHAIN_ENDS.format(chain)})
            stored_input[RESULT_FIELD] = desk.address_for(run_id, chain).model_dump()
        hub: HubClient = context.metadata[DURABLE_CLIENT]
        await hub.call(lambda client: starts.start_once(client, orchestration.name, run_id, stored_input))
        note = {} if desk is None else {"note": "You are told the result in this conversation when the run is over."}
        return json.dumps({"run_id": run_id, "status": "started", **note})

    async def check(run_id: str, context: FunctionInvocationContext) -> str:
        hub: HubClient = context.metadata[DURABLE_CLIENT]
        status = await hub.call(lambda client: _find(client, orchestration, run_id, context.metadata[SESSION]))
        if status is None:
            return json.dumps({"error": f"This conversation has started no run {run_id!r} of {orchestration.name}."})
        run = describe_run(status)
        run.output = await in_store_thread(hub.claims.restore, run_id, run.output)
        return json.dumps(run.model_dump(include=_SHOWN, exclude_none=True))

    purpose = (orchestration.function.__doc__ or orchestration.name).partition("\n")[0]
    return [
        FunctionTool(
            name=f"start_{orchestration.name}",
            description=f"Start this and return at once, with the id of the run: {purpose}",
            approval_mode="never_require",
            func=start,
            input_model=schema,
        ),
        FunctionTool(
            name=f"check_{orchestration.name}",
            description=f"Tell how a run is that start_{orchestration.name} has started, and what came out of it.",
            approval_mode="never_require",
            func=check,
            input_model=_RUN_ID,
        ),
    ]


async def _find(
    client: df.DurableOrchestrationClient, orchestration: Orchestration, run_id: str, session: str
) -> DurableOrchestrationStatus | None:
    if not fits(INSTANCE_ID, run_id):
        return None
    status = await client.get_status(run_id, show_input=True)
    is_own = bool(status) and status.name == orchestration.name and read_input(status).get(STARTED_BY_FIELD) == session
    return status if is_own else None


def _schema(orchestration: Orchestration, fields: Sequence[str]) -> dict[str, Any]:
    """Return the schema of these fields; what the deployment has a default for may be left out.

    Raises:
        ValueError: The input has no fields, or no such field, only the deployment sets it, or a run cannot start
            without another.
    """
    if orchestration.stores_as_sent:
        raise ValueError(f"A tool cannot start {orchestration.name!r}: its input has no fields of its own to offer.")
    schema = orchestration.input_model.model_json_schema()
    offered, needed = set(fields), set(schema.get("required", ())) - {*orchestration.defaults, *orchestration.fixed}
    wrong = (offered - schema["properties"].keys()) | (offered & orchestration.fixed.keys()) | (needed - offered)
    if wrong:
        raise ValueError(f"A tool that starts {orchestration.name!r} cannot offer, or do without: {sorted(wrong)}.")
    properties = {name: value for name, value in schema["properties"].items() if name in offered}
    return {**schema, "properties": properties, "required": sorted(needed), "additionalProperties": False}
