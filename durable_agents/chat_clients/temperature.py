"""The temperature of a chat client, for every call that does not state its own."""

from collections.abc import Awaitable, Callable

from agent_framework import ChatContext, ChatMiddleware


class DefaultTemperature(ChatMiddleware):
    """Asks the model with this temperature, unless the agent or the run says another."""

    def __init__(self, temperature: float) -> None:
        self._temperature = temperature

    async def process(self, context: ChatContext, call_next: Callable[[], Awaitable[None]]) -> None:
        options = context.options or {}
        if options.get("temperature") is None:
            context.options = {**options, "temperature": self._temperature}
        await call_next()
