"""What is shown of an answer while it is made."""

import logging
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from agent_framework import AgentResponse, AgentResponseUpdate
from agent_framework_durabletask import AgentCallbackContext, AgentResponseCallbackProtocol

logger = logging.getLogger(__name__)


@runtime_checkable
class RestartableCallback(Protocol):
    """A response callback that can take back what it was shown of an answer."""

    async def on_restart(self, context: AgentCallbackContext) -> None:
        """Forget the updates of this run so far; the answer begins anew."""
        ...


@runtime_checkable
class ForgettingCallback(Protocol):
    """A response callback that keeps what it was shown, and can be told to drop it."""

    async def on_forgotten(self, agent: str, session_id: str, correlation_ids: Sequence[str]) -> None:
        """Drop all of these runs; their session has forgotten them."""
        ...


def both(
    first: AgentResponseCallbackProtocol | None, second: AgentResponseCallbackProtocol | None
) -> AgentResponseCallbackProtocol | None:
    """Return a callback that tells these two, or the one there is."""
    if first is None or second is None:
        return first or second
    can_restart = isinstance(first, RestartableCallback) and isinstance(second, RestartableCallback)
    return (_RestartableBoth if can_restart else _Both)(first, second)


class _Both:
    """Tells two callbacks in turn; the second also where the first fails."""

    def __init__(self, first: AgentResponseCallbackProtocol, second: AgentResponseCallbackProtocol) -> None:
        self._first = first
        self._second = second

    async def on_streaming_response_update(self, update: AgentResponseUpdate, context: AgentCallbackContext) -> None:
        try:
            await self._first.on_streaming_response_update(update, context)
        finally:
            await self._second.on_streaming_response_update(update, context)

    async def on_agent_response(self, response: AgentResponse, context: AgentCallbackContext) -> None:
        try:
            await self._first.on_agent_response(response, context)
        finally:
            await self._second.on_agent_response(response, context)

    async def on_forgotten(self, agent: str, session_id: str, correlation_ids: Sequence[str]) -> None:
        for callback in (self._first, self._second):
            if isinstance(callback, ForgettingCallback):
                await callback.on_forgotten(agent, session_id, correlation_ids)


class _RestartableBoth(_Both):
    async def on_restart(self, context: AgentCallbackContext) -> None:
        for callback in (self._first, self._second):
            if isinstance(callback, RestartableCallback):
                await callback.on_restart(context)


class UpdateForwarder:
    """Passes each update to the callback once, and knows whether any text was among them."""

    def __init__(self, callback: AgentResponseCallbackProtocol | None, context: AgentCallbackContext) -> None:
        self._text = False
        self._callback = callback
        self._context = context

    @property
    def for_good(self) -> bool:
        """Whether a part of the answer was shown that cannot be taken back."""
        return self._text and not isinstance(self._callback, RestartableCallback)

    async def show(self, update: AgentResponseUpdate) -> None:
        """Pass on the next update."""
        if self._callback is not None:
            self._text = self._text or bool(update.contents)
            await self._call(self._callback.on_streaming_response_update(update, self._context))

    async def restart(self) -> None:
        """Say that the answer begins anew, if anything of it was shown."""
        if self._text and isinstance(self._callback, RestartableCallback):
            self._text = False
            await self._call(self._callback.on_restart(self._context))

    async def finish(self, response: AgentResponse) -> None:
        """Pass on the whole response."""
        if self._callback is not None:
            await self._call(self._callback.on_agent_response(response, self._context))

    async def _call(self, call: Any) -> None:
        try:
            await call
        except Exception:
            # A stream that cannot be written must not cost the answer, which is still stored with the session.
            logger.warning("Run %s: the response callback failed", self._context.correlation_id, exc_info=True)
