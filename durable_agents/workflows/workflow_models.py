"""The JSON that the routes of workflows answer with.

Their members are those of the routes that the framework would generate, so they are in camelCase.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from durable_agents.orchestration.approval_requests import Channel
from durable_agents.orchestration.human_requests import HumanRequest
from durable_agents.workflows.graph_status import ExecutorState


class _WorkflowModel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class WorkflowEnded(_WorkflowModel):
    """The run is over. `output` is what executors have yielded, null unless it is completed; `error` says why."""

    instance_id: str
    runtime_status: str
    output: list[Any] | None
    error: str | None = None


class WorkflowCustomStatus(BaseModel):
    """What the run tells of itself: its state, and the requests it waits with, by id."""

    state: str
    pending_requests: dict[str, HumanRequest] = {}


class PendingHumanInput(_WorkflowModel):
    """A request to a human. `respondUrl` takes the answer, in the form of `responseType`.

    For the rest see `HumanRequest`.
    """

    request_id: str
    source_executor: str
    request_data: Any
    request_type: str | None
    response_type: str | None
    respond_url: str
    data_omitted: bool = False
    requested_at: datetime | None = None
    expires_at: datetime | None = None
    if_expired: Literal["answer", "failure"] | None = None
    reviewers: list[str] = []
    reminders: int = 0
    note: str | None = None


class AnsweredHumanInput(_WorkflowModel):
    """A request that has its answer, and who has given that; without `verified` the name is as stated."""

    request_id: str
    reviewer: str | None
    verified: bool
    channel: Channel


class WorkflowAccepted(_WorkflowModel):
    """The run is started. `respondUri` has `{requestId}` where the id of a request goes.

    `pendingHumanInputRequests` has what it asks humans, once it does and the caller has waited for that.
    """

    instance_id: str
    status_query_get_uri: str
    respond_uri: str
    message: Literal["Workflow started"]
    links: dict[str, str]
    pending_human_input_requests: list[PendingHumanInput] = []


class WorkflowStatus(_WorkflowModel):
    """How a run is. `output` is a list once it is completed, `error` is set when it ended in any other way.

    `executors` tells of each one that has begun how it is, unless the status of the run has no room for it; one of a
    workflow inside is named with the way to it. `expiredRequests` are those that nobody has answered in time,
    `withdrawnRequests` those that another answer has settled before.
    """

    instance_id: str
    runtime_status: str | None
    custom_status: WorkflowCustomStatus | None
    output: list[Any] | None
    error: str | None
    created_time: datetime | None
    last_updated_time: datetime | None
    pending_human_input_requests: list[PendingHumanInput] = []
    answered_requests: list[AnsweredHumanInput] = []
    expired_requests: list[str] = []
    withdrawn_requests: list[str] = []
    executors: dict[str, ExecutorState] = {}


class ResponseDelivered(_WorkflowModel):
    """The answer has reached the run, or is on its way with 202."""

    message: str
    instance_id: str
    request_id: str
