"""The stream store of several machines: Redis Streams, one per agent run.

The cursors are the ids of the entries. Redis takes no entry whose id is not greater than all others, so an attempt
cannot write any more once a later one has begun.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import ResponseError

from durable_agents.streams.store import (
    PAGE_EVENTS,
    START,
    Cursor,
    StoredEvent,
    StreamEvent,
    StreamId,
    StreamTakenError,
)

_PREFIX = "agent-stream:"
_TIMEOUT_SECONDS = 5.0
# A connection may have been closed while it was idle: by the server, or because its Entra token has expired.
_RETRIES = 1
_CHECK_IDLE_SECONDS = 30
_LONGEST_BLOCK_SECONDS = 2.0
# Redis has no code of its own for an id that is too small, only this text.
_REFUSED = "equal or smaller than the target stream top item"


class RedisStreamStore:
    """A `StreamStore` on the Redis at `url`; nothing is sent before the first use.

    A stream is dropped `expiry_seconds` after its last event, and keeps its `max_events` latest events. The URL may
    hold a password, which is in no log line and no `repr`; `credentials` stand in for one.
    """

    def __init__(
        self,
        url: str,
        expiry_seconds: float,
        *,
        max_events: int = 10_000,
        credentials: CredentialProvider | None = None,
    ) -> None:
        self._url = url
        self._expiry_ms = max(int(expiry_seconds * 1000), 1)
        self._max_events = max_events
        self._credentials = credentials
        # Agents answer in another event loop than the routes, and a connection belongs to the loop that opened it.
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Redis] = WeakKeyDictionary()

    async def begin(self, stream: StreamId) -> Cursor:
        """See `StreamStore.begin`."""
        latest: Any = await self._client().xrevrange(_PREFIX + stream.key, count=1)
        start = Cursor.of_start(time.time(), _cursor(latest[0][0]) if latest else None)
        await self._add(stream, [StoredEvent(start, START)])
        return start

    async def append(self, stream: StreamId, after: Cursor, events: Sequence[StreamEvent]) -> Cursor:
        """See `StreamStore.append`."""
        await self._add(stream, [StoredEvent(after := after.next(), event) for event in events])
        return after

    async def read(self, stream: StreamId, after: Cursor | None, wait_seconds: float) -> list[StoredEvent]:
        """See `StreamStore.read`. Redis itself waits, in turns that are shorter than the time-out of a command."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_seconds
        while True:
            remaining = deadline - loop.time()
            events = await self._read(stream, after, min(remaining, _LONGEST_BLOCK_SECONDS))
            if events or remaining <= _LONGEST_BLOCK_SECONDS:
                return events

    async def remove(self, streams: Sequence[StreamId]) -> None:
        """See `StreamStore.remove`; one command for each, for the nodes of a cluster share the streams."""
        for stream in streams:
            await self._client().delete(_PREFIX + stream.key)

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    async def _add(self, stream: StreamId, events: Sequence[StoredEvent]) -> None:
        """Add the events, all or none, and begin the time to live anew."""
        key = _PREFIX + stream.key
        async with self._client().pipeline(transaction=True) as pipeline:
            for stored in events:
                fields: Any = {"kind": stored.event.kind, "data": json.dumps(dict(stored.event.data))}
                pipeline.xadd(key, fields, id=str(stored.cursor), maxlen=self._max_events, approximate=False)
            pipeline.pexpire(key, self._expiry_ms)
            try:
                await pipeline.execute()
            except ResponseError as error:
                # Later attempts have greater ids than all of these, so it is the first that was refused, and the rest.
                if _REFUSED in str(error):
                    raise StreamTakenError(stream) from error
                raise

    async def _read(self, stream: StreamId, after: Cursor | None, wait_seconds: float) -> list[StoredEvent]:
        block = max(int(wait_seconds * 1000), 1) if wait_seconds > 0 else None
        key = _PREFIX + stream.key
        found: Any = await self._client().xread({key: "0-0" if after is None else str(after)}, PAGE_EVENTS, block)
        entries = found[0][1] if found else []
        return [
            StoredEvent(_cursor(entry_id), StreamEvent(fields["kind"], json.loads(fields["data"])))
            for entry_id, fields in entries
        ]

    def _client(self) -> Redis:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = Redis.from_url(
                self._url,
                credential_provider=self._credentials,
                decode_responses=True,
                socket_timeout=_TIMEOUT_SECONDS,
                socket_connect_timeout=_TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), _RETRIES),
                health_check_interval=_CHECK_IDLE_SECONDS,
            )
        return client


def _cursor(entry_id: str) -> Cursor:
    cursor = Cursor.parse(entry_id)
    assert cursor is not None, f"Redis returned {entry_id!r} as the id of an entry"
    return cursor
