"""Read the stream of one run, page by page, up to the outcome that its session has stored."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from durable_agents.polling import poll
from durable_agents.sessions.responses import StoredResponse
from durable_agents.streams.store import START, Cursor, StoredEvent, StreamEvent, StreamId, StreamStore, continues

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """What a caller gets next.

    Attributes:
        events: What is new, oldest first, without `end`; the cursor is None where an answer is sent that no store has.
        response: The outcome of the run if it has ended and these are its last events, else None.
    """

    events: Sequence[tuple[Cursor | None, StreamEvent]]
    response: StoredResponse | None = None


class StreamReader:
    """Reads one stream of a store, beside the outcome of its run: `read_response` returns None until it is there.

    The store may fail, may have dropped the stream, and may be None: there is then the response alone.
    """

    def __init__(
        self, store: StreamStore | None, stream: StreamId, read_response: Callable[[], Awaitable[StoredResponse | None]]
    ) -> None:
        self._store = store
        self._stream = stream
        self._read_response = read_response

    async def next_page(self, after: Cursor | None, wait_seconds: float) -> Page:
        """Return the events after the cursor; if there are none, wait for the first of them or for the outcome.

        A caller that passes on the cursor of the last event it got misses nothing, and gets nothing twice but what a
        later `start` takes back. Its text is that of the response when it has the response.
        """
        events = await self._read(after, 0)

        async def probe() -> Page | None:
            nonlocal events
            if not continues(after, events):
                # Events are missing. What is left makes no text, so the caller gets the answer as a whole.
                self._store, events = None, []
            if events and events[-1].event.kind != "end":
                return Page(_shown(events))
            # An `end` is written before the session is stored; a crash between the two begins the turn again.
            response = await self._read_response()
            if response is None:
                return None
            # What was written up to the response can be read now, and nothing will follow.
            await read_on(0)
            return _last_page(after, events, response)

        async def read_on(seconds: float) -> None:
            events.extend(await self._read(events[-1].cursor if events else after, seconds))

        return await poll(probe, wait_seconds, pause=read_on) or Page(_shown(events))

    async def _read(self, after: Cursor | None, wait_seconds: float) -> list[StoredEvent]:
        if self._store is None:
            await asyncio.sleep(wait_seconds)
            return []
        try:
            return await self._store.read(self._stream, after, wait_seconds)
        except Exception:
            # Of whatever kind: a store may be any database, and the answer can be had without it.
            logger.warning(
                "Stream %r cannot be read; its answer will come as a whole.", self._stream.key, exc_info=True
            )
            self._store = None
            return []


def _last_page(after: Cursor | None, events: Sequence[StoredEvent], response: StoredResponse) -> Page:
    """Return the last events and the response; where the stream has not all of the answer, the whole answer instead."""
    whole = continues(after, events) and bool(events) and events[-1].event.kind == "end"
    if whole or response.failure is not None:
        return Page(_shown(events), response)
    return Page([(None, START), (None, StreamEvent("text", {"text": response.text}))], response)


def _shown(events: Sequence[StoredEvent]) -> list[tuple[Cursor | None, StreamEvent]]:
    return [(stored.cursor, stored.event) for stored in events if stored.event.kind != "end"]
