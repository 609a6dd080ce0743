"""Read a request to run an agent: JSON in either spelling or plain text, checked before anything is scheduled."""

import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import azure.functions as func
from pydantic import AliasChoices, AliasGenerator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from durable_agents.http.contracts import IDEMPOTENCY, Parameter
from durable_agents.http.problems import ProblemError
from durable_agents.http.requests import read_idempotency_key, read_json_object, read_model, read_text
from durable_agents.http.waiting import Flag, read_wait, wait_parameters
from durable_agents.ids import SESSION_ID, fits
from durable_agents.sessions.budget import RunBudget

RUN_PARAMETERS = (
    Parameter("session_id", str, "The session, in the place of the field of the body."),
    *wait_parameters("wait_for_response", "Whether to wait for the answer, in the place of the field of the body."),
    IDEMPOTENCY,
)
_SESSION_PARAMETERS = ("session_id", "sessionId", "thread_id")


def _in_either_spelling(field: str) -> AliasChoices:
    return AliasChoices(field, to_camel(field))


class AgentRunBody(BaseModel):
    """The JSON body of a request to run an agent. `thread_id` is the old name of `session_id`.

    Each field may also be written in camelCase.
    """

    model_config = ConfigDict(
        str_strip_whitespace=True, alias_generator=AliasGenerator(validation_alias=_in_either_spelling)
    )

    message: str = Field(min_length=1)
    session_id: str | None = None
    thread_id: str | None = None
    role: Literal["user"] = "user"
    enable_tool_calls: Flag = True
    wait_for_response: Flag = True
    response_format: str | None = None
    budget: RunBudget = Field(default_factory=RunBudget)


@dataclass(frozen=True, slots=True)
class AgentRunRequest:
    """A checked request to run an agent.

    Attributes:
        body: What was sent; a text is the message. The output model it asks for is not yet known to exist.
        session_id: The session to continue or to begin; safe in a URL as it is.
        idempotency_key: What makes a repeat of this request the same run, or None.
        wait: Whether the caller wants to wait for the answer.
        plain_text: Whether the answer goes back as plain text: the body was no JSON, and no JSON was asked for.
    """

    body: AgentRunBody
    session_id: str
    idempotency_key: str | None
    wait: bool
    plain_text: bool

    @property
    def content(self) -> str:
        """What the run depends on, as text: two requests with the same content ask for the same."""
        body = self.body
        return json.dumps([body.message, body.enable_tool_calls, body.response_format, body.budget.model_dump()])


def read_agent_request(req: func.HttpRequest, own: Callable[[str], str] = str) -> AgentRunRequest:
    """Return the checked request; `own` makes of a session id that of the caller's own session.

    An object in JSON is read as such unless the request says that it is text: who leaves the content type out, or has
    curl choose one, means its fields.

    The session id may stand in the body or in the query, the wish to wait in the header `x-ms-wait-for-response`, the
    query or the body, in that order. Without a session id, a new session begins; under an `Idempotency-Key` it is the
    same one for every repeat.

    Raises:
        ProblemError: 400 that lists every wrong field, or names the conflict; 413 for a body that is too large.
    """
    is_json = _is_json(req)
    key = read_idempotency_key(req)
    body = _read_body(req)
    session_id = own(check_session_id(_read_session_id(body, req) or _new_session_id(key)))
    wish = read_wait(req, "wait_for_response", "waitForResponse")
    return AgentRunRequest(
        body=body,
        session_id=check_session_id(session_id),
        idempotency_key=key,
        wait=body.wait_for_response if wish is None else wish,
        plain_text=not is_json and "application/json" not in _accepted_types(req),
    )


def read_stated_session(req: func.HttpRequest) -> str | None:
    """Return the session id that a request to run an agent states, or None for a new session.

    Raises:
        ProblemError: As `read_agent_request` does.
    """
    return _read_session_id(_read_body(req), req)


def check_session_id(session_id: str) -> str:
    """Return the session id, which may now go into a URL as it is.

    Raises:
        ProblemError: 400, it is not possible.
    """
    if not fits(SESSION_ID, session_id):
        detail = f"Session id {session_id!r} is not possible. Use 1 to 128 letters, digits, '_', '.' and '-'."
        raise ProblemError(400, "invalid-session-id", detail)
    return session_id


def _read_body(req: func.HttpRequest) -> AgentRunBody:
    return read_model(read_json_object(req) if _is_json(req) else {"message": read_text(req)}, AgentRunBody)


def _is_json(req: func.HttpRequest) -> bool:
    media_type = req.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json" or media_type.endswith("+json"):
        return True
    return not media_type.startswith("text/") and req.get_body().lstrip().startswith(b"{")


def _accepted_types(req: func.HttpRequest) -> set[str]:
    return {part.partition(";")[0].strip().lower() for part in req.headers.get("accept", "").split(",")}


def _read_session_id(body: AgentRunBody, req: func.HttpRequest) -> str | None:
    places = [body.session_id, body.thread_id, *(req.params.get(name) for name in _SESSION_PARAMETERS)]
    # Each once, in the order of the places.
    stated = list(dict.fromkeys(session_id for session_id in places if session_id))
    if len(stated) > 1:
        listing = ", ".join(map(repr, stated))
        raise ProblemError(400, "conflicting-session-ids", f"Different session ids were given: {listing}. Give one.")
    return stated[0] if stated else None


def _new_session_id(idempotency_key: str | None) -> str:
    if idempotency_key is None:
        return uuid.uuid4().hex
    return hashlib.sha256(f"session\n{idempotency_key}".encode()).hexdigest()[:32]
