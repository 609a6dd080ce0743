"""The body of a request that starts a run: how it is read, and how the API document shows it."""

from typing import Any

import azure.functions as func
from pydantic import BaseModel, ValidationError

from durable_agents.http.contracts import Content
from durable_agents.http.problems import ProblemError
from durable_agents.http.requests import MAX_BODY_BYTES, read_body, read_json_object, read_json_value, read_text
from durable_agents.orchestration.registry import Orchestration
from durable_agents.runs.run_models import start_body_of

_TEXT = "text/plain"


def read_start_body(req: func.HttpRequest, orchestration: Orchestration, most: int = MAX_BODY_BYTES) -> Any:
    """Return the input that a caller has sent: a JSON object, or whatever else the orchestration takes.

    It may have `most` bytes. One by decorator may do without. Where a text is an input, a body that is no JSON is one.

    Raises:
        ProblemError: 413, 400.
    """
    if not orchestration.stores_as_sent:
        return read_json_object(req, most)
    if orchestration.is_decorated:
        return read_json_value(req, most) if read_body(req, most) else None
    kind = str(req.headers.get("content-type", "")).partition(";")[0].strip().lower()
    if not _takes_text(orchestration.input_model) or kind == "application/json" or kind.endswith("+json"):
        return read_json_value(req, most)
    text = read_text(req, most)
    if not text.strip():
        raise ProblemError(400, "body-required", f"{orchestration.name} needs a text to begin with. Send one.")
    if kind == _TEXT:
        return text
    try:
        return read_json_value(req, most)
    except ProblemError:
        return text


def start_bodies_of(orchestration: Orchestration) -> tuple[Content, ...]:
    """Return what the body of a request may hold that starts a run."""
    model = start_body_of(orchestration)
    has_text = orchestration.stores_as_sent and not orchestration.is_decorated and _takes_text(model)
    return (model, _TEXT) if has_text else (model,)


def _takes_text(model: type[BaseModel]) -> bool:
    try:
        model.model_validate("text")
    except ValidationError:
        return False
    return True
