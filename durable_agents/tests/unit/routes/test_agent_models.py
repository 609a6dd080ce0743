"""What an answer shows although nobody has set it: every limit of a budget, every part of a decision."""

import json
from datetime import UTC, datetime
from typing import Any

import azure.functions as func
from agent_framework import Agent
from pydantic import BaseModel

from durable_agents.chat_clients.offline.client import OfflineChatClient
from durable_agents.http.requests import json_response
from durable_agents.routes.agent_models import DecidedToolCall
from durable_agents.routes.agent_runs import AgentRun
from durable_agents.sessions.agent_registry import AgentRegistry, HostedAgent
from durable_agents.sessions.failures import Failure
from durable_agents.sessions.responses import StoredResponse
from durable_agents.sessions.session_models import ToolCall
from durable_agents.sessions.tool_requests import ToolDecision, ToolRequest

NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)


class Verdict(BaseModel):
    good: bool
    note: str | None = None


def sent(answer: BaseModel) -> dict[str, Any]:
    response: func.HttpResponse = json_response(answer)
    content: dict[str, Any] = json.loads(response.get_body())
    return content


def hosted(**options: Any) -> HostedAgent:
    agent = Agent(OfflineChatClient(), "Help.", name="Judge", **options)
    return AgentRegistry({"Judge": agent}).find("judge")


def run(**options: Any) -> AgentRun:
    return AgentRun(hosted(**options), "s1", "c1", NOW)


def stored(text: str, failure: Failure | None = None, *requests: ToolRequest) -> StoredResponse:
    return StoredResponse("c1", text, 2, {}, None, failure, tool_requests=requests)


def test_every_limit_of_a_budget_is_shown() -> None:
    budget = sent(hosted(additional_properties={"budget": {"max_tokens": 5}}).summary)["budget"]
    assert budget == {"max_tokens": 5, "max_tool_calls": None, "max_seconds": None}


def test_a_tool_call_is_shown_with_its_decision_or_that_there_is_none() -> None:
    waiting = ToolRequest(request_id="r1", correlation_id="c1", tool="pay", arguments={}, expires_at=NOW)
    decision = ToolDecision(approved=True, decided_at=NOW)
    shown = [
        sent(call) for call in DecidedToolCall.list_of([waiting, waiting.model_copy(update={"decision": decision})])
    ]
    at = "2026-01-01T09:00:00Z"
    assert shown[0] == {"request_id": "r1", "tool": "pay", "arguments": {}, "expires_at": at, "decision": None}
    assert shown[1]["decision"] == {"approved": True, "feedback": None, "reviewer": None, "decided_at": at}


def test_arguments_are_shown_as_the_model_wrote_them_however_strange() -> None:
    deep: dict[str, Any] = {}
    for _ in range(300):
        deep = {"more": deep}
    arguments = {"half \ud800": "\udfff", "deep": deep}
    asked = ToolRequest(request_id="r1", correlation_id="c1", tool="pay", arguments=arguments, expires_at=NOW)
    answer = run().ended_with(stored("Hi.", None, asked))
    assert sent(answer)["approvals"][0]["arguments"] == arguments
    call = ToolCall(name="pay", arguments=arguments, result=deep)
    assert (sent(call)["arguments"], sent(call)["result"]) == (arguments, deep)


def test_a_value_is_shown_whole_and_only_where_there_is_an_output_model() -> None:
    judged = run(default_options={"response_format": Verdict}).ended_with(stored('{"good": true}'))
    assert sent(judged)["value"] == {"good": True, "note": None}
    names = {"session_id": "s1", "correlation_id": "c1"}
    assert sent(run().ended_with(stored("Hi."))) == {
        **names,
        "status": "success",
        "response": "Hi.",
        "message_count": 2,
        "usage": {},
    }


def test_what_a_failed_run_has_used_is_shown_as_it_was_counted() -> None:
    failure = Failure("budget_exceeded", "Too much.", used={"tool_calls": 3, "seconds": 0.5})
    failed = sent(run().ended_with(stored("", failure)))
    assert json.dumps(failed["used"]) == '{"tool_calls": 3, "seconds": 0.5}'
    assert (failed["response"], "approvals" in failed) == (None, False)
