"""The JSON that the routes of runs take and answer with. A member with a default may be left out."""

from collections.abc import Sequence
from copy import copy
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, RootModel, SkipValidation, create_model

from durable_agents.orchestration.approval_requests import ApprovalRequest
from durable_agents.orchestration.human_requests import HumanInput
from durable_agents.orchestration.registry import Orchestration
from durable_agents.orchestration.spending import Usage


class ChangeAccepted(BaseModel):
    """The change was asked for and does not show yet; `links.self` tells how the run is."""

    instance_id: str
    status: Literal["accepted"]
    links: dict[str, str]


class RunAccepted(ChangeAccepted):
    """The run is started; `links.self` tells how it is."""

    orchestration: str


class EventAccepted(ChangeAccepted):
    """The event is on its way to the run; `links.self` tells how it is. `note` says if that may not wait for it now."""

    event_name: str
    note: str | None = None


class EventPayload(RootModel[Any]):
    """Any JSON, as the run expects it; for the event of an approval, the body of `POST /approval/{instance_id}`."""


class RunHead(BaseModel):
    """How a run is. `waiting_for` is what it waits for from outside, `requests` all of that, when it is more than one
    thing too; `error` says why it has ended otherwise.
    """

    instance_id: str
    orchestration: str
    runtime_status: str | None
    stage: SkipValidation[str | None]
    waiting_for: SkipValidation[ApprovalRequest | HumanInput | dict[str, Any] | None]
    requests: SkipValidation[Sequence[ApprovalRequest | HumanInput | dict[str, Any]]]
    error: SkipValidation[str | None]
    created_at: datetime | None
    last_updated_at: datetime | None


class RunSummary(RunHead):
    """A run in a list. `waiting_for` is what it waits for from outside; `error` says why it has ended otherwise."""

    links: dict[str, str]


class RunPage(BaseModel):
    """Runs in the order of the task hub. The token is for the next page, null at the end."""

    runs: list[RunSummary]
    next_page_token: str | None


class RunState(RunHead):
    """How a run is, with what it was started with and, once it is completed, what came out of it.

    `usage` is what it has used up to now, with its children; null while that is nothing, and for a run that does not
    count it: of a workflow, or of an orchestration with the context of the SDK.
    """

    usage: SkipValidation[Usage | None]
    input: Any
    output: Any


class FailedStep(BaseModel):
    """The step that a run has failed with, in which of its attempts, and why."""

    name: SkipValidation[str]
    kind: str
    attempts: int
    error: SkipValidation[str | None]


class Run(RunState):
    """A run. `output` is set once it is completed, `links` are all that can be done with it now."""

    failed_step: FailedStep | None
    links: dict[str, str]


class RunStep(BaseModel):
    """One step of a run.

    `kind` is `run` for what happened to the run as a whole. `scheduled_at` is when it was asked for, or when an event
    arrived; `duration_seconds` includes waiting and all attempts. Only a timer has `fires_at`; only an agent has
    `session`, the id of the one it answered in, and `usage`, the tokens that its answer says it cost. `input`, which
    only agents and entities show, and `output` are there if they are asked for; of a long one, the beginning of its
    JSON text.
    """

    name: SkipValidation[str]
    kind: Literal["activity", "agent", "entity", "child", "timer", "event", "run"]
    status: str
    scheduled_at: datetime
    ended_at: datetime | None
    duration_seconds: float | None
    attempts: int
    error: SkipValidation[str | None]
    fires_at: datetime | None = None
    session: SkipValidation[str | None] = None
    usage: SkipValidation[dict[str, int]] = {}
    input: Any = None
    input_truncated: bool = False
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
    if orchestration.stores_as_sent:
        return model
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
