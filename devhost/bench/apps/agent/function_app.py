"""An agent app whose model costs nothing, so that a turn's time is the framework's and the host's alone."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from agent_framework import AgentResponse, AgentResponseUpdate, AgentSession, Content, ResponseStream
from agent_framework_azurefunctions import AgentFunctionApp


class ZeroCostAgent:
    """Answers every message with the same words, at once, and only as a stream, which the framework asks for first."""

    id = "parrot"
    name: str | None = "Parrot"
    description: str | None = "Answers every message with the same words."

    def run(self, *_: Any, **__: Any) -> ResponseStream[AgentResponseUpdate, AgentResponse[Any]]:
        """Answer."""
        return ResponseStream(_answer(), finalizer=_response)

    def create_session(self, *, session_id: str | None = None) -> AgentSession:
        """Return a new session."""
        return AgentSession(session_id=session_id)

    def get_session(self, service_session_id: Any, *, session_id: str | None = None) -> AgentSession:
        """Return a session."""
        return AgentSession(service_session_id=service_session_id, session_id=session_id)


async def _answer() -> AsyncIterator[AgentResponseUpdate]:
    answer = Content.from_text("Good day to you.")
    yield AgentResponseUpdate(contents=[answer], role="assistant", created_at="2026-01-01T00:00:00Z")


def _response(updates: Sequence[AgentResponseUpdate]) -> AgentResponse[Any]:
    return AgentResponse.from_updates(updates)


agent = ZeroCostAgent()
app = AgentFunctionApp(agents=[agent], enable_health_check=False)
