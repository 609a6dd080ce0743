"""What a graph workflow asks humans, as it stands in the custom status of its run."""

from typing import Any, Literal

from pydantic import BaseModel


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
