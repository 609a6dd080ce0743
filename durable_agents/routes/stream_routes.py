"""`.../responses/{correlation_id}/stream`: an agent's answer while it is being made, as server-sent events.

A function's response is sent when it is complete, so the stream comes in pages: each response has the events there are,
and the client comes back for more with the id of the last one, as every `EventSource` does by itself.
"""

import json
from typing import Annotated

import azure.durable_functions as df
import azure.functions as func
from pydantic import Field

from durable_agents.http.contracts import Contract, Parameter
from durable_agents.http.problems import ProblemError
from durable_agents.http.requests import json_response
from durable_agents.http.routing import Router
from durable_agents.ids import STREAM_CURSOR
from durable_agents.routes.agent_runs import AgentRun, find_agent_run
from durable_agents.sessions.agent_registry import AgentRegistry
from durable_agents.sessions.correlation import RunIds
from durable_agents.sessions.lost import LostRuns
from durable_agents.sessions.responses import StoredResponse, read_response
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
_NOT_KEPT = {"Cache-Control": "no-store"}


class StreamRoutes:
    """The route of streams; `wait_seconds` is how long a response waits for its first event."""

    def __init__(
        self, agents: AgentRegistry, store: StreamStore | None, run_ids: RunIds, lost: LostRuns, wait_seconds: float
    ) -> None:
        self._agents = agents
        self._store = store
        self._run_ids = run_ids
        self._lost = lost
        self._wait_seconds = wait_seconds

    def register(self, router: Router) -> None:
        """Register the route."""
        template = "agents/{agent}/sessions/{session}/responses/{correlation_id}/stream"
        router.add("GET", template, self.stream_agent_response, contract=_CONTRACT)

    async def stream_agent_response(
        self, req: func.HttpRequest, client: df.DurableOrchestrationClient
    ) -> func.HttpResponse:
        """Answer with the next events of a run: `start`, `text`, `tool_call`, and at the end `done` or `failed`."""
        run = find_agent_run(req, self._agents, self._run_ids)
        last_event_id = req.headers.get("last-event-id") or req.params.get("last_event_id")
        if last_event_id == _ENDED:
            # No content ends an EventSource.
            return func.HttpResponse(status_code=204, headers=_NOT_KEPT)
        after = _read_cursor(last_event_id)
        name = (run.agent.name, run.session_id, run.correlation_id)

        async def read_ended() -> StoredResponse | None:
            response = await read_response(client, *name)
            # One that waits for a human goes on later.
            return None if response is None or response.pending is not None else response

        page = await StreamReader(self._store, StreamId(*name), read_ended).next_page(after, self._wait_seconds)
        run.check(page.response)
        if page.response is None:
            await run.look_for(client, self._lost)
        return func.HttpResponse(_write_page(run, page), headers=_NOT_KEPT, mimetype="text/event-stream")


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
    for cursor, event in page.events:
        lines.append(_write_event(event.kind, json.dumps(dict(event.data)), None if cursor is None else str(cursor)))
    if page.response is not None:
        # The same JSON as the pick-up of the answer.
        outcome = json_response(run.ended_with(page.response)).get_body().decode()
        lines.append(_write_event("done" if page.response.failure is None else "failed", outcome, _ENDED))
    return "".join(lines)


def _write_event(kind: str, data: str, event_id: str | None) -> str:
    """Return one event of the stream; `data` is JSON in ASCII, which has no line breaks."""
    identified = "" if event_id is None else f"id: {event_id}\n"
    return f"{identified}event: {kind}\ndata: {data}\n\n"
