"""Read the stream of one run, page by page, up to the outcome that its session has stored."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from durable_agents.sessions.responses import Reply
from durable_agents.streams.store import START, Cursor, StoredEvent, StreamEvent, StreamId, StreamStore, continues

logger = logging.getLogger(__name__)

_FIRST_INTERVAL_SECONDS = 0.02
_LONGEST_INTERVAL_SECONDS = 1.0
_GROWTH = 1.5


@dataclass(frozen=True, slots=True)
class Page:
    """What a caller gets next.

    Attributes:
        events: What is new, oldest first, without `end`; the cursor is None where an answer is sent that no store has.
        reply: The outcome of the run if it has ended and these are its last events, else None.
    """

    events: Sequence[tuple[Cursor | None, StreamEvent]]
    reply: Reply | None = None


class StreamReader:
    """Reads one stream of a store, beside the outcome of its run, which `read_reply` returns (None until it is there).

    The store may fail, may have dropped the stream, and may be None: there is then the reply alone.
    """

    def __init__(
        self, store: StreamStore | None, stream: StreamId, read_reply: Callable[[], Awaitable[Reply | None]]
    ) -> None:
        self._store = store
        self._stream = stream
        self._read_reply = read_reply

    async def next_page(self, after: Cursor | None, wait_seconds: float) -> Page:
        """Return the events after the cursor; if there are none, wait for the first of them or for the outcome.

        A caller that passes on the cursor of the last event it got misses nothing, and gets nothing twice but what a
        later `start` takes back. Its text is that of the reply when it has the reply.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_seconds
        events: list[StoredEvent] = []
        interval = 0.0
        while True:
            remaining = deadline - loop.time()
            events += await self._read(_last(events, after), max(min(interval, remaining), 0))
            if not continues(after, events):
                # Events are missing. What is left makes no text, so the caller gets the answer as a whole.
                self._store, events = None, []
            if events and events[-1].event.kind != "end":
                return Page(_shown(events))
            # An `end` is written before the session is stored; a crash between the two begins the turn again.
            reply = await self._read_reply()
            if reply is not None:
                # What was written up to the reply can be read now, and nothing will follow.
                events += await self._read(_last(events, after), 0)
                return _last_page(after, events, reply)
            if remaining <= 0:
                return Page(_shown(events))
            interval = min(max(interval * _GROWTH, _FIRST_INTERVAL_SECONDS), _LONGEST_INTERVAL_SECONDS)

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


def _last(events: Sequence[StoredEvent], after: Cursor | None) -> Cursor | None:
    return events[-1].cursor if events else after


def _last_page(after: Cursor | None, events: Sequence[StoredEvent], reply: Reply) -> Page:
    """Return the last events and the reply; where the stream has not all of the answer, the whole answer instead."""
    whole = continues(after, events) and bool(events) and events[-1].event.kind == "end"
    if whole or reply.failure is not None:
        return Page(_shown(events), reply)
    return Page([(None, START), (None, StreamEvent("text", {"text": reply.text}))], reply)


def _shown(events: Sequence[StoredEvent]) -> list[tuple[Cursor | None, StreamEvent]]:
    return [(stored.cursor, stored.event) for stored in events if stored.event.kind != "end"]
