"""The JSON that the routes of runs take and answer with, as models for the OpenAPI document.

A member with a default may be left out.
"""

from copy import copy
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, RootModel, create_model

from durable_agents.orchestration.approval_requests import ApprovalRequest
from durable_agents.orchestration.human_requests import HumanInput
from durable_agents.orchestration.registry import Orchestration


class RunAccepted(BaseModel):
    """The run is started; `links.self` tells how it is."""

    instance_id: str
    orchestration: str
    status: Literal["accepted"]
    links: dict[str, str]


class ChangeAccepted(BaseModel):
    """The change was asked for and does not show yet; `links.self` tells how the run is."""

    instance_id: str
    status: Literal["accepted"]
    links: dict[str, str]


class EventAccepted(ChangeAccepted):
    """The event is on its way to the run; `links.self` tells how it is."""

    event_name: str


class EventPayload(RootModel[Any]):
    """Any JSON, as the run expects it; for the event of an approval, the body of `POST /approval/{instance_id}`."""


class RunSummary(BaseModel):
    """A run in a list. `waiting_for` is what it waits for from outside; `error` says why it has ended otherwise."""

    instance_id: str
    orchestration: str
    runtime_status: str | None
    stage: str | None
    waiting_for: ApprovalRequest | HumanInput | None
    error: str | None
    created_at: datetime | None
    last_updated_at: datetime | None
    links: dict[str, str]


class RunPage(BaseModel):
    """Runs in the order of the task hub. The token is for the next page, null at the end."""

    runs: list[RunSummary]
    next_page_token: str | None


class FailedStep(BaseModel):
    """The step that a run has failed with, in which of its attempts, and why."""

    name: str
    kind: str
    attempts: int
    error: str | None


class Run(RunSummary):
    """A run. `output` is set once it is completed, `links` are all that can be done with it now."""

    input: dict[str, Any]
    output: Any
    failed_step: FailedStep | None


class RunStep(BaseModel):
    """One step of a run; `duration_seconds` includes waiting and all attempts. Only a timer has `fires_at`."""

    name: str
    kind: Literal["activity", "agent", "entity", "child", "timer", "event", "run"]
    status: str
    scheduled_at: datetime
    ended_at: datetime | None
    duration_seconds: float | None
    attempts: int
    error: str | None
    fires_at: datetime | None = None
    usage: dict[str, int] = {}
    output: Any = None
    output_truncated: bool = False


class RunHistory(BaseModel):
    """The steps of a run in the order in which they began, and the tokens that its agents have used."""

    instance_id: str
    orchestration: str
    runtime_status: str | None
    steps: list[RunStep]
    usage: dict[str, int]
    links: dict[str, str]


def start_body_of(orchestration: Orchestration) -> type[BaseModel]:
    """Return the body that starts a run: the input, in which fields may be left out that the deployment fills in.

    Fields that only the deployment sets are no part of it.
    """
    model = orchestration.input_model
    fields: dict[str, Any] = {}
    for name, default in orchestration.defaults.items():
        field = copy(model.model_fields[name])
        field.default = default
        fields[name] = (field.annotation, field)
    if not orchestration.fixed:
        return create_model(model.__name__, __base__=model, __doc__=model.__doc__, **fields)
    others = {name: (field.annotation, field) for name, field in model.model_fields.items() if name not in fields}
    sent = {name: field for name, field in {**others, **fields}.items() if name not in orchestration.fixed}
    return create_model(model.__name__, __doc__=model.__doc__, **sent)
