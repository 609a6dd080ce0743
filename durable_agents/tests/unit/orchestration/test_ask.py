import json

import pytest
from agent_framework import AgentResponse, Message

from durable_agents.orchestration.ask import AgentError, raise_if_failed
from durable_agents.sessions.conversation import failed_response
from durable_agents.sessions.failures import Failure


def test_an_orchestration_learns_whether_to_try_again() -> None:
    failure = Failure("rate_limited", "Busy.", retryable=True, retry_after_seconds=7)
    stored = json.loads(json.dumps(failed_response(failure).to_dict()))
    with pytest.raises(AgentError, match="Agent 'Writer' failed: rate_limited") as caught:
        raise_if_failed("Writer", stored)
    assert caught.value.failure == failure
    assert caught.value.error_code == "rate_limited"


def test_an_answer_is_no_failure() -> None:
    raise_if_failed("Writer", AgentResponse(messages=[Message("assistant", ["Hi."])]))
