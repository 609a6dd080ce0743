"""Which request a decision is on that names none: the first one of its run, as long as nothing else can be meant."""

from collections.abc import Callable

import azure.durable_functions as df
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from durable_agents.activities.notify_reviewer import notify_reviewer
from durable_agents.http.problems import ProblemError
from durable_agents.orchestration.approval_requests import ApprovalRequest, read_requests
from durable_agents.orchestration.human_requests import read_human_requests
from durable_agents.runs.decisions import RequestState, conflict, refuse
from durable_agents.runs.history import read_steps
from durable_agents.runs.status import is_over, state_of


def refuse_workflow(status: DurableOrchestrationStatus, respond_url: Callable[[], str]) -> None:
    """Refuse a decision on what a graph workflow asks: each of its requests has an address of its own.

    Raises:
        ProblemError: 409 with these addresses, the run waits with such requests.
    """
    requests = [] if is_over(status) else read_human_requests(status.custom_status)
    if not requests:
        return
    urls = [f"{respond_url()}/{request.request_id}" for request in requests]
    detail = f"Run {status.instance_id!r} is one of a workflow. Answer what it asks with POST to: {', '.join(urls)}."
    shown = [request.model_dump(mode="json") for request in requests]
    raise ProblemError(
        409, "answered-elsewhere", detail, runtime_status=state_of(status), pending_requests=shown, respond_urls=urls
    )


async def find_meant_request(client: df.DurableOrchestrationClient, status: DurableOrchestrationStatus) -> str:
    """Return the id of the request that a decision without one is on.

    Raises:
        ProblemError: 409 with the request that is open, it is not the first one, or one of several; or nothing is open.
    """
    requests = [] if is_over(status) else read_requests(status.custom_status)
    if not requests:
        raise refuse(RequestState.of(status, None))
    if len(requests) == 1 and await _is_first(client, status, requests[0]):
        return requests[0].request_id
    detail = (
        f"Run {status.instance_id!r} has asked more than once, so a decision has to say which draft it is on. Read the "
        f'one in waiting_for; if it is the one you mean, send the decision again with "request_id": '
        f'"{requests[0].request_id}".'
    )
    raise conflict("request-id-needed", detail, status)


async def _is_first(
    client: df.DurableOrchestrationClient, status: DurableOrchestrationStatus, request: ApprovalRequest
) -> bool:
    """Say whether the run has put no other draft to anybody: its history has one step that tells reviewers of one."""
    if request.attempt > 1 or request.escalated:
        return False
    history = await client.get_status(str(status.instance_id), show_history=True)
    told = [step for step in read_steps(history, {}) if step.name == notify_reviewer.__name__]
    return len(told) <= 1
