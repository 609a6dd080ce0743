"""Read HTTP requests and write successful answers: bodies by model, JSON."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

import azure.functions as func
from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from durable_agents.http.problems import ProblemError, invalid_body
from durable_agents.ids import IDEMPOTENCY_KEY, fits

MAX_BODY_BYTES = 262_144
MAX_INPUT_BYTES = 4_194_304
"""For the input of a run that is kept beside its history."""
ModelT = TypeVar("ModelT", bound=BaseModel)


def read_body(req: func.HttpRequest, most: int = MAX_BODY_BYTES) -> bytes:
    """Return the body of the request.

    Raises:
        ProblemError: 413, it has more than `most` bytes; more than `MAX_BODY_BYTES` could not be stored with a session.
    """
    body: bytes = req.get_body()
    if len(body) > most:
        detail = f"The request body has {len(body)} bytes; at most {most} are accepted."
        raise ProblemError(413, "body-too-large", detail)
    return body


def read_json_value(req: func.HttpRequest, most: int = MAX_BODY_BYTES) -> Any:
    """Return the JSON value in the body of the request.

    Raises:
        ProblemError: 413 for a body that is too large, 400 for one that is not JSON.
    """
    try:
        body = json.loads(read_body(req, most))
        # Half a surrogate pair can be written in JSON, but it is no text: no e-mail and no file could hold it.
        # Python also reads NaN and numbers without bounds, which are no JSON.
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        detail = "The request body is not JSON text in UTF-8. Send a JSON object, with Content-Type: application/json."
        raise ProblemError(400, "invalid-json", detail) from error
    return body


def read_text(req: func.HttpRequest, most: int = MAX_BODY_BYTES) -> str:
    """Return the body of the request as text.

    Raises:
        ProblemError: 413 for a body that is too large, 400 for one that is not UTF-8.
    """
    try:
        return read_body(req, most).decode()
    except UnicodeDecodeError as error:
        raise ProblemError(400, "invalid-text", "The request body is not UTF-8 text.") from error


def read_json_object(req: func.HttpRequest, most: int = MAX_BODY_BYTES) -> dict[str, Any]:
    """Return the JSON object in the body of the request.

    Raises:
        ProblemError: 413 for a body that is too large, 400 for one that is not a JSON object.
    """
    return as_json_object(read_json_value(req, most))


def as_json_object(body: Any) -> dict[str, Any]:
    """Return the value if it is a JSON object.

    Raises:
        ProblemError: 400, it is none.
    """
    if not isinstance(body, dict):
        detail = f"The request body is a JSON {type(body).__name__}. Send a JSON object."
        raise ProblemError(400, "invalid-json", detail)
    return body


def read_model(body: Mapping[str, Any], model: type[ModelT], defaults: Mapping[str, Any] | None = None) -> ModelT:
    """Return the body as an instance of `model`; `defaults` stand in for fields the caller left out.

    Raises:
        ProblemError: 400 that lists every wrong field, unknown ones included.
    """
    try:
        return model.model_validate({**(defaults or {}), **body}, extra="forbid")
    except ValidationError as error:
        raise invalid_body(error) from error


def read_idempotency_key(req: func.HttpRequest) -> str | None:
    """Return the header `Idempotency-Key`, or None if the request has none.

    Raises:
        ProblemError: 400, it is not possible as a key.
    """
    key: str | None = req.headers.get("idempotency-key")
    if key is not None and not fits(IDEMPOTENCY_KEY, key):
        detail = "The header Idempotency-Key must have 1 to 128 visible ASCII characters, without spaces."
        raise ProblemError(400, "invalid-idempotency-key", detail)
    return key


def json_response(
    body: BaseModel | Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """Return a JSON answer: a model under the names callers know, without the members that were left unset."""
    content = body.model_dump(by_alias=True, exclude_unset=True) if isinstance(body, BaseModel) else body
    # Not by pydantic's own writer: it refuses names with half a character, and JSON of more than 255 levels.
    text = json.dumps(content, default=to_jsonable_python)
    return func.HttpResponse(text, status_code=status, headers=dict(headers or {}), mimetype="application/json")


def accepted(
    body: BaseModel | Mapping[str, Any], location: str, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """Return the 202 that says where to look, and to look again in a second."""
    return json_response(body, 202, {**(headers or {}), "Location": location, "Retry-After": "1"})
