"""Who waits for which instance to end."""

from __future__ import annotations

import asyncio
from collections import defaultdict


class Endings:
    """Wakes whoever waits for an instance that has ended. Used on the event loop."""

    def __init__(self) -> None:
        self._waiters: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)

    async def wait(self, instance_id: str, seconds: float) -> bool:
        """Wait until an instance is told to have ended; False when it is not within this many seconds."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[instance_id].add(future)
        try:
            await asyncio.wait_for(future, seconds)
        except TimeoutError:
            return False
        finally:
            self._waiters[instance_id].discard(future)
            if not self._waiters[instance_id]:
                del self._waiters[instance_id]
        return True

    def tell(self, instance_id: str) -> None:
        """Wake those who wait for this instance."""
        for future in self._waiters.get(instance_id, ()):
            if not future.done():
                future.set_result(None)
