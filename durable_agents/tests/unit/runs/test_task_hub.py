from typing import Any

import pytest

from durable_agents.http.problems import ProblemError
from durable_agents.runs.control import ask_for, purge_instance
from durable_agents.runs.task_hub import TaskHubError, ask_task_hub
from durable_agents.tests.unit.runs.task_hub_server import TaskHubServer


def exception(kind: str, text: str = "") -> dict[str, str]:
    """Return the body of an answer as the extension writes it when an operation threw."""
    return {"Message": "Something went wrong", "ExceptionMessage": text, "ExceptionType": kind, "StackTrace": "at x"}


async def test_a_request_is_encoded_and_its_answer_read_with_the_token() -> None:
    async with TaskHubServer() as hub:
        hub.script(200, [1], token="t2")
        answer = await ask_task_hub(hub.client, "GET", "instances/", {"reason": "a & b?é"}, "t1")
        assert (answer.status, answer.body, answer.next_token) == (200, [1], "t2")
        assert hub.requests == [("GET", "/rpc/instances/", {"reason": "a & b?é"}, "t1")]


async def test_the_last_page_has_an_empty_token_and_no_body_is_none() -> None:
    async with TaskHubServer() as hub:
        hub.script(202, None, token="")
        answer = await ask_task_hub(hub.client, "POST", "instances/x/suspend")
        assert (answer.body, answer.next_token) == (None, None)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (501, None),
        (500, exception("System.NotImplementedException", "The method RewindAsync is not supported")),
        (500, exception("System.NotSupportedException")),
        (500, exception("Grpc.Core.RpcException", 'Status(StatusCode="Unimplemented", Detail="Method not found")')),
    ],
)
async def test_what_the_storage_provider_does_not_have_is_501(status: int, body: Any) -> None:
    async with TaskHubServer() as hub:
        hub.script(status, body)
        with pytest.raises(ProblemError) as caught:
            await ask_for(hub.client, "r1", "rewind", "why")
        assert (caught.value.status, caught.value.kind) == (501, "not-supported-by-backend")
        assert hub.requests == [("POST", "/rpc/instances/r1/rewind", {"reason": "why"}, None)]


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, None), (409, None), (410, None), (412, "not over"), (500, exception("System.InvalidOperationException"))],
)
async def test_a_state_that_does_not_allow_it_is_told_apart_from_a_failure(status: int, body: Any) -> None:
    async with TaskHubServer() as hub:
        hub.script(status, body)
        assert await purge_instance(hub.client, "r1") is False


async def test_any_other_answer_is_an_error() -> None:
    async with TaskHubServer() as hub:
        hub.script(500, exception("System.OutOfMemoryException"))
        with pytest.raises(TaskHubError, match="purge with HTTP 500"):
            await purge_instance(hub.client, "r1")


async def test_what_was_taken_is_true() -> None:
    async with TaskHubServer() as hub:
        hub.script(200, {"instancesDeleted": 1})
        hub.script(202, None)
        assert await purge_instance(hub.client, "r1") is True
        assert await ask_for(hub.client, "r1", "suspend", "why") is True
