"""Read a request to run an agent: JSON in either spelling or plain text, checked before anything is scheduled."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import azure.functions as func
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from durable_agents.http.contracts import IDEMPOTENCY, Parameter
from durable_agents.http.problems import ProblemError, invalid_fields
from durable_agents.http.requests import read_idempotency_key, read_json_object, read_model, read_text
from durable_agents.ids import is_session_id
from durable_agents.sessions.budget import RunBudget

WAIT_HEADER = "x-ms-wait-for-response"
_WORDS = {"true": True, "1": True, "yes": True, "y": True, "on": True}
_WORDS |= {"false": False, "0": False, "no": False, "n": False, "off": False}


def _read_flag(value: object) -> object:
    return _WORDS.get(value.strip().lower(), value) if isinstance(value, str) else value


Flag = Annotated[
    bool, Field(strict=True), BeforeValidator(_read_flag), WithJsonSchema({"enum": [True, False, *_WORDS]})
]
"""True or false, in JSON or as a word."""


RUN_PARAMETERS = (
    Parameter("session_id", str, "The session, in the place of the field of the body."),
    Parameter("wait_for_response", Flag, "Whether to wait for the answer, in the place of the field of the body."),
    Parameter(WAIT_HEADER, Flag, "The same as `wait_for_response`, before it.", "header"),
    IDEMPOTENCY,
)


class AgentRunBody(BaseModel):
    """The JSON body of a request to run an agent. `thread_id` is the old name of `session_id`.

    Each field may also be written in camelCase.
    """

    model_config = ConfigDict(str_strip_whitespace=True)

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
        message: What the user says; not empty.
        session_id: The session to continue or to begin; safe in a URL as it is.
        enable_tool_calls: Whether the agent may use its tools.
        response_format: The name of the output model that is asked for, not yet known to exist; or None.
        budget: What the run may use at most.
        idempotency_key: What makes a repeat of this request the same run, or None.
        wait: Whether the caller wants to wait for the answer.
        plain_text: Whether the answer goes back as plain text: the body was no JSON, and no JSON was asked for.
    """

    message: str
    session_id: str
    enable_tool_calls: bool
    response_format: str | None
    budget: RunBudget
    idempotency_key: str | None
    wait: bool
    plain_text: bool

    @property
    def content(self) -> str:
        """What the run depends on, as text: two requests with the same content ask for the same."""
        return json.dumps([self.message, self.enable_tool_calls, self.response_format, self.budget.model_dump()])


def read_agent_request(req: func.HttpRequest) -> AgentRunRequest:
    """Return the checked request.

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
    body = read_model(_rename(read_json_object(req)) if is_json else {"message": read_text(req)}, AgentRunBody)
    return AgentRunRequest(
        message=body.message,
        session_id=_choose_session_id(body, req.params, key),
        enable_tool_calls=body.enable_tool_calls,
        response_format=body.response_format,
        budget=body.budget,
        idempotency_key=key,
        wait=_choose_wait(body, req),
        plain_text=not is_json and "application/json" not in _accepted_types(req),
    )


def _is_json(req: func.HttpRequest) -> bool:
    media_type = req.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json" or media_type.endswith("+json"):
        return True
    return not media_type.startswith("text/") and req.get_body().lstrip().startswith(b"{")


def _rename(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body in snake_case: the .NET spelling of each field is accepted too, but not both at once."""
    spellings = {_camel_case(name): name for name in AgentRunBody.model_fields}
    renamed: dict[str, Any] = {}
    for name, value in body.items():
        field = spellings.get(name, name)
        if field in renamed:
            raise invalid_fields([{"field": name, "message": f"{field!r} is given twice, in two spellings"}])
        renamed[field] = value
    return renamed


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _accepted_types(req: func.HttpRequest) -> set[str]:
    return {part.partition(";")[0].strip().lower() for part in req.headers.get("accept", "").split(",")}


def _choose_session_id(body: AgentRunBody, params: Mapping[str, str], idempotency_key: str | None) -> str:
    given = {
        "session_id in the body": body.session_id,
        "thread_id in the body": body.thread_id,
        "session_id in the query": params.get("session_id"),
        "sessionId in the query": params.get("sessionId"),
        "thread_id in the query": params.get("thread_id"),
    }
    stated = {place: value for place, value in given.items() if value}
    if len(set(stated.values())) > 1:
        places = ", ".join(f"{place}: {value!r}" for place, value in stated.items())
        raise ProblemError(400, "conflicting-session-ids", f"Different session ids were given ({places}). Give one.")
    return check_session_id(next(iter(stated.values()), None) or _new_session_id(idempotency_key))


def check_session_id(session_id: str) -> str:
    """Return the session id, which may now go into a URL as it is.

    Raises:
        ProblemError: 400, it is not possible.
    """
    if not is_session_id(session_id):
        detail = f"Session id {session_id!r} is not possible. Use 1 to 128 letters, digits, '_', '.' and '-'."
        raise ProblemError(400, "invalid-session-id", detail)
    return session_id


def _new_session_id(idempotency_key: str | None) -> str:
    if idempotency_key is None:
        return uuid.uuid4().hex
    return hashlib.sha256(f"session\n{idempotency_key}".encode()).hexdigest()[:32]


def _choose_wait(body: AgentRunBody, req: func.HttpRequest) -> bool:
    places = {
        f"header {WAIT_HEADER}": req.headers.get(WAIT_HEADER),
        "query wait_for_response": req.params.get("wait_for_response"),
        "query waitForResponse": req.params.get("waitForResponse"),
    }
    wishes = [wish for place, text in places.items() if (wish := _read_wish(place, text)) is not None]
    return wishes[0] if wishes else body.wait_for_response


def _read_wish(place: str, text: str | None) -> bool | None:
    wish = None if text is None else _read_flag(text)
    if wish is not None and not isinstance(wish, bool):
        raise invalid_fields([{"field": place, "message": f"{text!r} is not true or false"}])
    return wish
