"""The JSON that the routes of workflows take and answer with, as models for the OpenAPI document.

Their members are those of the routes that the framework would generate, so they are in camelCase.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from durable_agents.orchestration.human_requests import HumanRequest


class _WorkflowModel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class WorkflowAccepted(_WorkflowModel):
    """The run is started. `respondUri` has `{requestId}` where the id of a request goes."""

    instance_id: str
    status_query_get_uri: str
    respond_uri: str
    message: Literal["Workflow started"]
    links: dict[str, str]


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
    """A request to a human. `respondUrl` takes the answer, in the form of `responseType`."""

    request_id: str
    source_executor: str
    request_data: Any
    request_type: str | None
    response_type: str | None
    respond_url: str


class WorkflowStatus(_WorkflowModel):
    """How a run is. `output` is a list once it is completed, `error` is set when it ended in any other way."""

    instance_id: str
    runtime_status: str | None
    custom_status: WorkflowCustomStatus | None
    output: list[Any] | None
    error: str | None
    created_time: datetime | None
    last_updated_time: datetime | None
    pending_human_input_requests: list[PendingHumanInput] = []


class ResponseDelivered(_WorkflowModel):
    """The answer has reached the run, or is on its way with 202."""

    message: str
    instance_id: str
    request_id: str
