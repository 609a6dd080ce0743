"""Write the answers of agents into the stream store while they are being made, without holding them up.

Whatever comes while the store is busy is gathered and written together. A store that fails costs the rest of this
stream, never the answer: callers then get the answer as a whole.
"""

import asyncio
import logging
from collections.abc import Sequence

from agent_framework import AgentResponse, AgentResponseUpdate
from agent_framework_durabletask import AgentCallbackContext

from durable_agents.streams.store import END, Cursor, StreamEvent, StreamId, StreamStore

logger = logging.getLogger(__name__)

# How long a store that hangs can hold up the end of a turn.
_STORE_SECONDS = 5.0
# A turn that waits for a human may go on in another process, and this one never hears of its end.
_MOST_WRITERS = 1_000


class StreamCallback:
    """The response callback of all agents (`AgentResponseCallbackProtocol`), called in one event loop."""

    def __init__(self, store: StreamStore) -> None:
        self._store = store
        self._writers: dict[StreamId, _Writer] = {}

    async def on_streaming_response_update(self, update: AgentResponseUpdate, context: AgentCallbackContext) -> None:
        """Have an update written soon."""
        writer = self._writer(_stream_of(context))
        for content in update.contents:
            if content.type == "text" and content.text:
                writer.write_text(content.text)
            elif content.type == "function_call" and content.name:
                writer.write_tool_call(content.call_id or "", content.name)

    async def on_restart(self, context: AgentCallbackContext) -> None:
        """Begin another attempt: what was written so far is void."""
        await self._writer(_stream_of(context)).restart()

    async def on_agent_response(self, response: AgentResponse, context: AgentCallbackContext) -> None:
        """Write what is left, and that the turn has ended; returns when all of it is stored."""
        stream = _stream_of(context)
        writer = self._writer(stream)
        del self._writers[stream]
        await writer.finish(response.text)

    async def on_forgotten(self, agent: str, session_id: str, correlation_ids: Sequence[str]) -> None:
        """Remove what was written of these runs."""
        async with asyncio.timeout(_STORE_SECONDS):
            await self._store.remove([StreamId(agent, session_id, one) for one in correlation_ids])

    def _writer(self, stream: StreamId) -> "_Writer":
        if stream not in self._writers:
            if len(self._writers) >= _MOST_WRITERS:
                longest_idle = next((one for one, writer in self._writers.items() if writer.is_idle), stream)
                self._writers.pop(longest_idle, None)
            self._writers[stream] = _Writer(self._store, stream)
        return self._writers[stream]


class _Writer:
    """Writes one stream, one append at a time."""

    def __init__(self, store: StreamStore, stream: StreamId) -> None:
        self._store = store
        self._stream = stream
        self._attempt = _Attempt()
        self._task: asyncio.Task[None] | None = None
        self._failed = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being written now; the stream begins anew if there is more to come."""
        return self._task is None or self._task.done()

    def write_text(self, text: str) -> None:
        self._attempt.add_text(text)
        self._wake()

    def write_tool_call(self, call_id: str, name: str) -> None:
        self._attempt.add_tool_call(call_id, name)
        self._wake()

    async def restart(self) -> None:
        await self._drain()
        self._attempt = _Attempt()
        self._wake()

    async def finish(self, answer: str) -> None:
        """Write the rest and `end`. If what was shown is not the answer, letter by letter, the answer replaces it."""
        if self._attempt.text != answer and answer:
            await self.restart()
            self._attempt.add_text(answer)
        self._attempt.pending.append(END)
        self._wake()
        await self._drain()

    def _wake(self) -> None:
        if not self._failed and self.is_idle:
            self._task = asyncio.create_task(self._write())

    async def _drain(self) -> None:
        if self._task is not None:
            # Unlike awaiting the task, this leaves it alone when the turn is cancelled: an append must not be torn.
            await asyncio.wait([self._task])

    async def _write(self) -> None:
        """Write until nothing is left. After a failure nothing more is written: the stream stays without an `end`."""
        attempt = self._attempt
        try:
            while attempt.pending or attempt.cursor is None:
                events, attempt.pending = attempt.pending, []
                async with asyncio.timeout(_STORE_SECONDS):
                    attempt.cursor = attempt.cursor or await self._store.begin(self._stream)
                    if events:
                        attempt.cursor = await self._store.append(self._stream, attempt.cursor, events)
        except Exception:
            # Of whatever kind: a store may be any database, and the turn must not fail with it.
            self._failed = True
            logger.warning("Stream %r breaks off; its answer will come as a whole.", self._stream.key, exc_info=True)


class _Attempt:
    """What one attempt has to write, and what it has shown."""

    def __init__(self) -> None:
        self.cursor: Cursor | None = None
        self.pending: list[StreamEvent] = []
        self._texts: list[str] = []
        self._calls: set[str] = set()

    @property
    def text(self) -> str:
        """The pieces of the answer so far, as one text."""
        return "".join(self._texts)

    def add_text(self, text: str) -> None:
        """Add a piece of the answer; it becomes one event with the piece before it, if that still waits."""
        self._texts.append(text)
        if self.pending and self.pending[-1].kind == "text":
            text = self.pending.pop().data["text"] + text
        self.pending.append(StreamEvent("text", {"text": text}))

    def add_tool_call(self, call_id: str, name: str) -> None:
        """Add the call of a tool, once: its arguments come in pieces, and are private."""
        if call_id not in self._calls:
            self._calls.add(call_id)
            self.pending.append(StreamEvent("tool_call", {"name": name}))


def _stream_of(context: AgentCallbackContext) -> StreamId:
    return StreamId(context.agent_name, context.session_id or "", context.correlation_id)
