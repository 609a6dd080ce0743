"""The JSON that the routes of sessions answer with. A member with a default may be left out."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel

Moment = Annotated[datetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
"""An aware time, shown in UTC."""


class SessionSummary(BaseModel):
    """A session in the list of an agent's sessions."""

    session_id: str
    used_at: Moment
    expires_at: Moment | None
    links: dict[str, str]


class SessionPage(BaseModel):
    """Sessions of an agent, the last used first. The token is for the next page, null at the end."""

    sessions: list[SessionSummary]
    next_page_token: str | None


class ToolCall(BaseModel):
    """A tool that the agent called in a turn."""

    name: str
    arguments: dict[str, Any] | None
    result: Any


class Turn(BaseModel):
    """One message to the agent and its response, if that is there yet.

    `run_id` is the run whose result the message is; null if it is a caller's, or an orchestration's.
    """

    correlation_id: str | None
    run_id: str | None
    message: str
    started_at: Moment | None
    ended_at: Moment | None
    usage: dict[str, int]
    response: str | None
    tool_calls: list[ToolCall]
    status: Literal["success", "failed", "waiting_for_approval", "unknown"]
    error_code: str = ""
    error: str = ""


class Session(BaseModel):
    """A conversation, turn by turn.

    `summary` stands for the turns before the first one that is shown; null if there are none. `usage` counts those too,
    but not a turn that still waits for a human.
    """

    agent: str
    session_id: str
    used_at: Moment | None
    expires_at: Moment | None
    usage: dict[str, int]
    summary: str | None
    turns: list[Turn]
    links: dict[str, str]


class SessionChange(BaseModel):
    """The session answers the messages that came before first; then it is cleared or ended."""

    agent: str
    session_id: str
    status: Literal["deleting", "resetting"]
    links: dict[str, str]
