import pytest
from agent_framework import AgentResponse, Content, Message, UsageDetails
from agent_framework_durabletask import (
    DurableAgentState,
    DurableAgentStateRequest,
    DurableAgentStateResponse,
    RunRequest,
)

from durable_agents.sessions.responses import find_reply, read_session
from durable_agents.tests.unit.runs.task_hub_server import TaskHubServer


def state_with(response: AgentResponse) -> dict[str, object]:
    """Return the state of a session after one turn, as its entity stores it."""
    response.created_at = "2026-01-01T09:00:00+00:00"
    state = DurableAgentState()
    request = RunRequest(message="Hello", correlation_id="c1")
    state.data.conversation_history.append(DurableAgentStateRequest.from_run_request(request))
    state.data.conversation_history.append(DurableAgentStateResponse.from_run_response("c1", response))
    return state.to_dict()


def test_an_answer_with_its_usage() -> None:
    usage = UsageDetails(input_token_count=3, output_token_count=4, total_token_count=7)
    state = state_with(AgentResponse(messages=[Message("assistant", ["Hi."])], usage_details=usage))
    reply = find_reply(state, "c1")
    assert reply is not None
    assert (reply.text, reply.message_count, reply.failure) == ("Hi.", 2, None)
    assert reply.usage == {"input_token_count": 3, "output_token_count": 4, "total_token_count": 7}


def test_a_failure_is_a_failure() -> None:
    error = Content.from_error(message="no such model", error_code="NotFoundError")
    reply = find_reply(state_with(AgentResponse(messages=[Message("assistant", [error])])), "c1")
    assert reply is not None
    assert reply.failure is not None
    assert (reply.text, reply.failure.code) == ("", "NotFoundError")
    assert "no such model" not in reply.failure.message


def test_a_request_without_an_answer_is_no_reply() -> None:
    state = state_with(AgentResponse(messages=[Message("assistant", ["Hi."])]))
    assert find_reply(state, "c2") is None
    assert find_reply({}, "c1") is None


@pytest.mark.parametrize("state", ["", None], ids=["empty text", "no body"])
async def test_a_session_without_state_is_none_although_azure_still_has_it(state: object) -> None:
    """Azure Storage answers 200 for an entity that lost its state, or has only been signalled."""
    async with TaskHubServer() as hub:
        hub.script(200, state)
        assert await read_session(hub.client, "Writer", "s1") == {}
