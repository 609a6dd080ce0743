"""`.../responses/{correlation_id}/stream`: an agent's answer while it is being made, as server-sent events.

A function's response is sent when it is complete, so the stream comes in pages: each response has the events there are,
and the client comes back for more with the id of the last one, as every `EventSource` does by itself.
"""

import json
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import azure.durable_functions as df
import azure.functions as func
from pydantic import Field

from durable_agents.http.contracts import Contract, Parameter
from durable_agents.http.problems import ProblemError
from durable_agents.http.routing import Router, register_route
from durable_agents.ids import STREAM_CURSOR
from durable_agents.routes.agent_answers import AgentRun, describe_answer, find_agent_run
from durable_agents.sessions.agent_registry import AgentRegistry
from durable_agents.sessions.correlation import RunIds
from durable_agents.sessions.responses import Reply, read_reply
from durable_agents.streams.reader import Page, StreamReader
from durable_agents.streams.store import Cursor, StreamId, StreamStore

# The id of the event that ends a stream, in the place of a cursor.
_ENDED = "ended"
_LAST_EVENT = Annotated[str, Field(pattern=f"^({STREAM_CURSOR.pattern}|{_ENDED}|)$")]
_CONTRACT = Contract(
    {200: ("text/event-stream",), 204: ()},
    parameters=(
        Parameter("Last-Event-ID", _LAST_EVENT, "The id of the last event you got; what follows is sent.", "header"),
        Parameter("last_event_id", _LAST_EVENT, "The same for clients that cannot send the header."),
    ),
    problems=(422,),
)
# How soon an EventSource comes back: each page costs this, and a page without events was waited for.
_RETRY_MILLISECONDS = 100


def register(
    router: Router, agents: AgentRegistry, store: StreamStore | None, ids: RunIds, wait_seconds: float
) -> None:
    """Register the route; `wait_seconds` is how long a response waits for its first event."""
    template = "agents/{agent}/sessions/{session}/responses/{correlation_id}/stream"
    dependencies: dict[str, Any] = {"agents": agents, "ids": ids, "store": store, "wait_seconds": wait_seconds}
    register_route(router, "GET", template, stream_agent_response, contract=_CONTRACT, **dependencies)


async def stream_agent_response(
    req: func.HttpRequest,
    client: df.DurableOrchestrationClient,
    *,
    agents: AgentRegistry,
    ids: RunIds,
    store: StreamStore | None,
    wait_seconds: float,
) -> func.HttpResponse:
    """Answer with the next events of a run: `start`, `text`, `tool_call`, and at the end `done` or `failed`."""
    run = find_agent_run(req, agents, ids)
    last_event_id = req.headers.get("last-event-id") or req.params.get("last_event_id")
    if last_event_id == _ENDED:
        # No content ends an EventSource.
        return func.HttpResponse(status_code=204, headers={"Cache-Control": "no-store"})
    after = _read_cursor(last_event_id)
    name = (run.agent.name, run.session_id, run.correlation_id)
    reader = StreamReader(store, StreamId(*name), partial(_read_outcome, client, *name))
    page = await reader.next_page(after, wait_seconds)
    run.check_reply(page.reply)
    return func.HttpResponse(
        _write_page(run, page), headers={"Cache-Control": "no-store"}, mimetype="text/event-stream"
    )


async def _read_outcome(
    client: df.DurableOrchestrationClient, agent: str, session_id: str, correlation_id: str
) -> Reply | None:
    """Return the reply of a run that has ended; one that waits for a human goes on later."""
    reply = await read_reply(client, agent, session_id, correlation_id)
    return None if reply is None or reply.pending is not None else reply


def _read_cursor(text: str | None) -> Cursor | None:
    """Return the cursor, None for the beginning.

    Raises:
        ProblemError: 400, the text is no id of an event.
    """
    if not text:
        return None
    cursor = Cursor.parse(text)
    if cursor is None:
        detail = f"{text!r} is not the id of an event. Send the last id you got as Last-Event-ID, or none to begin."
        raise ProblemError(400, "invalid-last-event-id", detail)
    return cursor


def _write_page(run: AgentRun, page: Page) -> str:
    lines = [f"retry: {_RETRY_MILLISECONDS}\n\n"]
    lines += [_write_event(event.kind, event.data, None if at is None else str(at)) for at, event in page.events]
    if page.reply is not None:
        names = {"session_id": run.session_id, "correlation_id": run.correlation_id}
        outcome = "done" if page.reply.failure is None else "failed"
        lines.append(_write_event(outcome, describe_answer(names, page.reply, run.agent), _ENDED))
    return "".join(lines)


def _write_event(kind: str, data: Mapping[str, Any], event_id: str | None) -> str:
    """Return one event of the stream; JSON in ASCII has no line breaks."""
    identified = "" if event_id is None else f"id: {event_id}\n"
    return f"{identified}event: {kind}\ndata: {json.dumps(dict(data))}\n\n"
