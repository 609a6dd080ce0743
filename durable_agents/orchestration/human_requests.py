"""What a graph workflow asks humans, as it stands in the custom status of its run, and what they answer."""

import json
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

ModelT = TypeVar("ModelT", bound=BaseModel)


class HumanRequest(BaseModel):
    """One request of an executor. Both types are named as `module:class`; `data` is plain JSON."""

    request_id: str
    source_executor_id: str
    data: Any
    request_type: str | None
    response_type: str | None


class HumanInput(BaseModel):
    """What a workflow waits for: each of these requests is answered on its own."""

    kind: Literal["human_input"] = "human_input"
    requests: list[HumanRequest]


def read_human_requests(custom_status: object) -> list[HumanRequest]:
    """Return the requests a run waits with according to its custom status."""
    waiting_for = custom_status.get("waiting_for") if isinstance(custom_status, dict) else None
    is_workflow = isinstance(waiting_for, dict) and waiting_for.get("kind") == "human_input"
    return HumanInput.model_validate(waiting_for).requests if is_workflow else []


def read_human_answer(payload: object, model: type[ModelT]) -> ModelT | None:
    """Return the answer in the payload of an event, or None if it is none: it is then as if nothing had come.

    The payload is JSON text when the SDK has raised the event, and an object when the durable webhook has.
    """
    try:
        return model.model_validate(json.loads(payload) if isinstance(payload, str) else payload)
    except (ValueError, RecursionError):
        pass
    try:
        # A text that the webhook has sent is no JSON text.
        return model.model_validate(payload)
    except ValueError:
        return None
