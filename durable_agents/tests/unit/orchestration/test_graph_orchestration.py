"""The orchestration of a graph workflow, replayed from the start at every turn; its executors run for real."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Never, cast
from uuid import UUID

import pytest
from agent_framework import (
    AgentResponse,
    Content,
    Executor,
    Message,
    UsageDetails,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
    response_handler,
)
from agent_framework_durabletask import execute_workflow_activity
from pydantic import BaseModel

from durable_agents.chat_clients.offline.client import OfflineChatClient
from durable_agents.orchestration.approval_requests import hash_content
from durable_agents.tests.app.agents import SpamVerdict
from durable_agents.tests.app.effects import Letter, Receipt
from durable_agents.tests.app.graphs import create_email_routing
from durable_agents.workflows.graph import graph_orchestration

EMAIL = {"sender": "ada@example.com", "body": "Where is my order?"}


class Plan(BaseModel):
    topic: str


class Question(BaseModel):
    text: str


class Vote(BaseModel):
    approved: bool


class Begin(Executor):
    """Hands the topic on."""

    @handler
    async def begin(self, plan: Plan, ctx: WorkflowContext[str]) -> None:
        await ctx.send_message(plan.topic)


class Ask(Executor):
    """Asks a human, with its own id as that of the request, and yields the answer."""

    @handler
    async def ask(self, topic: str, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.request_info(Question(text=f"The {self.id} of {topic}?"), Vote, request_id=self.id)

    @response_handler
    async def note(self, question: Question, vote: Vote, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.yield_output(f"{question.text} {vote.approved}")


def two_questions() -> Workflow:
    begin = Begin("begin")
    graph = WorkflowBuilder(name="two_questions", start_executor=begin)
    return graph.add_fan_out_edges(begin, [Ask("budget"), Ask("law")]).build()


def run_executors(run: Any, workflow: Workflow) -> None:
    """Let each executor that is scheduled do its work; reviewers are told."""
    for action in [leaf for leaf in run.open.values() if "functionName" in leaf]:
        name = action["functionName"]
        if name == "notify_reviewer":
            run.complete(name, {"channel": "outbox"})
            continue
        executor = workflow.executors[name.removeprefix(f"dafx-{workflow.name}-")]
        run.complete(name, execute_workflow_activity(executor, json.loads(action["input"]), workflow))


@pytest.fixture
def asking(start: Callable[..., Any]) -> tuple[Any, Workflow]:
    """A run that waits for two humans."""
    workflow = two_questions()
    run = start(graph_orchestration(workflow), {"topic": "tea"}, workflow)
    run_executors(run, workflow)
    run_executors(run, workflow)
    return run, workflow


def requests_of(run: Any) -> list[str]:
    return [request["request_id"] for request in run.waiting_for["requests"]]


def test_what_is_asked_is_shown_as_plain_json(asking: tuple[Any, Workflow]) -> None:
    run, _ = asking
    assert run.state["customStatus"]["stage"] == "waiting_for_human_input"
    request = run.waiting_for["requests"][0]
    assert request.pop("content_hash") == hash_content("two_questions: budget", '{\n  "text": "The budget of tea?"\n}')
    assert request.pop("requested_at")
    assert request == {
        "request_id": "budget",
        "source_executor_id": "budget",
        "data": {"text": "The budget of tea?"},
        "request_type": f"{__name__}:Question",
        "response_type": f"{__name__}:Vote",
    }


@pytest.mark.parametrize("order", [["budget", "law"], ["law", "budget"]])
def test_humans_answer_in_any_order_and_an_answered_request_no_longer_shows(
    asking: tuple[Any, Workflow], order: list[str]
) -> None:
    run, workflow = asking
    first, second = order
    run.raise_event(first, {"approved": True})
    assert requests_of(run) == [second]
    # What comes late to a request that is answered changes nothing.
    run.raise_event(first, {"approved": False})
    run.raise_event(second, {"approved": False})
    assert run.state["customStatus"]["stage"] == "running"
    assert "waiting_for" not in run.state["customStatus"]
    while not run.state["isDone"]:
        run_executors(run, workflow)
    votes = {"budget": first == "budget", "law": first == "law"}
    assert run.state["output"] == [f"The budget of tea? {votes['budget']}", f"The law of tea? {votes['law']}"]


NO_VOTES: list[Any] = [
    {"approvd": True},
    {"approved": "maybe"},
    [1],
    "yes",
    "",
    None,
    1,
    {"__pickled__": "gASVAA==", "__type__": "os:system"},
    {"approved": {"__pickled__": "gASVAA==", "__type__": "os:system"}},
    {"__class__": "Vote", "__module__": "os", "__data__": 1},
    {"$type": f"{__name__}:Vote", "value": {"approved": True}},
]


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("payload", NO_VOTES)
def test_what_is_no_answer_is_ignored_and_its_request_stays_open(
    asking: tuple[Any, Workflow], payload: Any, as_text: bool, caplog: pytest.LogCaptureFixture
) -> None:
    run, workflow = asking
    # Both the request that the engine waits with, and the one after it.
    for name in ("budget", "law", "budget"):
        run.raise_event(name, payload, as_text=as_text)
        assert requests_of(run) == ["budget", "law"]
    expected = "run-1: an event was ignored as an answer to 'budget', a Vote: it is no Vote."
    assert [record.getMessage() for record in caplog.records if "budget" in record.getMessage()] == [expected] * 2
    run.raise_event("law", {"approved": True})
    run.raise_event("law", payload, as_text=as_text)
    assert requests_of(run) == ["budget"]
    run.raise_event("budget", payload, as_text=as_text)
    run.raise_event("budget", {"approved": False}, as_text=as_text)
    while not run.state["isDone"]:
        run_executors(run, workflow)
    assert run.state["output"] == ["The budget of tea? False", "The law of tea? True"]


@pytest.mark.parametrize(
    "run_input",
    [
        {},
        {"topic": 7},
        {"__subworkflow_input__": {"__pickled__": "gASVAA==", "__type__": "os:system"}},
        {"__subworkflow_input__": {"$type": f"{__name__}:Plan", "value": {"topic": "tea"}}},
        {"topic": {"__pickled__": "gASVAA==", "__type__": "os:system"}},
        [{"topic": "tea"}],
        "tea",
        None,
    ],
)
def test_an_input_that_the_first_executor_does_not_take_fails_the_run(
    start: Callable[..., Any], run_input: Any
) -> None:
    workflow = two_questions()
    run = start(graph_orchestration(workflow), run_input, workflow)
    assert "validation error" in run.state["error"]
    assert not run.open


def test_what_the_engine_believes_of_its_own_runs_is_not_believed(start: Callable[..., Any]) -> None:
    workflow = two_questions()
    address = {"root_instance_id": "of-others", "root_workflow_name": "theirs", "request_path_prefix": "x~0~"}
    inner = {"__subworkflow_input__": {"topic": "coffee"}, "__subworkflow_address__": address}
    run = start(graph_orchestration(workflow), {"topic": "tea", **inner}, workflow)
    executor_input = json.loads(cast(str, run.waits_for("dafx-two_questions-begin")))
    assert executor_input["host_context"]["instance_id"] == "run-1"
    run_executors(run, workflow)
    run_executors(run, workflow)
    assert run.waiting_for["requests"][0]["data"] == {"text": "The budget of tea?"}


def test_nothing_is_pickled(asking: tuple[Any, Workflow]) -> None:
    run, workflow = asking
    run.raise_event("law", {"approved": True})
    run.raise_event("budget", {"approved": True})
    while not run.state["isDone"]:
        run_executors(run, workflow)
    seen = json.dumps([run.history, run.state, list(run.open.values())])
    assert "$type" in seen
    assert "__pickled__" not in seen


class AskAgain(Executor):
    """Asks a human under one id until the answer is yes."""

    def __init__(self, request_id: str) -> None:
        super().__init__("again")
        self._request_id = request_id

    @handler
    async def ask(self, plan: Plan, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.request_info(Question(text="Now?"), Vote, request_id=self._request_id)

    @response_handler
    async def repeat(self, question: Question, vote: Vote, ctx: WorkflowContext[Never, str]) -> None:
        if not vote.approved:
            await ctx.request_info(question, Vote, request_id=self._request_id)


def test_a_request_under_the_id_of_an_earlier_one_fails_the_run(start: Callable[..., Any]) -> None:
    workflow = WorkflowBuilder(name="nagging", start_executor=AskAgain("now")).build()
    run = start(graph_orchestration(workflow), {"topic": "tea"}, workflow)
    run_executors(run, workflow)
    run.raise_event("now", {"approved": False})
    run_executors(run, workflow)
    assert run.state["error"].startswith("Executor 'again' asks a human under id 'now', which had a request before.")


def test_a_request_under_an_id_that_would_change_a_url_fails_the_run(start: Callable[..., Any]) -> None:
    workflow = WorkflowBuilder(name="nagging", start_executor=AskAgain("a?op=x")).build()
    run = start(graph_orchestration(workflow), {"topic": "tea"}, workflow)
    run_executors(run, workflow)
    assert "under id 'a?op=x', which is impossible" in run.state["error"]


def email_routing(filed: list[Letter] | None = None) -> Workflow:
    """The graph; it notes down what it files."""
    letters = [] if filed is None else filed

    def note(letter: Letter) -> Receipt:
        letters.append(letter)
        return Receipt(location=letter.key)

    return create_email_routing(OfflineChatClient(), note)


def test_an_agent_answers_in_a_session_of_this_execution_of_the_run(start: Callable[..., Any]) -> None:
    workflow, sessions = email_routing(), []
    for started_at in (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)):
        run = start(graph_orchestration(workflow), EMAIL, workflow, at=started_at)
        run_executors(run, workflow)
        asked = run.asked("email_routing-SpamDetector")
        assert asked["orchestrationId"] == run.instance_id
        sessions.append(asked["entity"].removeprefix("@dafx-email_routing-spamdetector@"))
    assert [UUID(session).version for session in sessions] == [5, 5]
    assert sessions[0] != sessions[1]
    run.answer("email_routing-SpamDetector", SpamVerdict(is_spam=True, confidence=0.9, reason="a lottery"))
    while not run.state["isDone"]:
        run_executors(run, workflow)
    (routed,) = run.state["output"]
    assert routed["outcome"] == "quarantined"


def test_an_executor_that_runs_twice_acts_under_the_same_key(start: Callable[..., Any]) -> None:
    filed: list[Letter] = []
    workflow = email_routing(filed)
    run = start(graph_orchestration(workflow), EMAIL, workflow)
    run_executors(run, workflow)
    run.answer("email_routing-SpamDetector", SpamVerdict(is_spam=True, confidence=0.9, reason="a lottery"))
    run_executors(run, workflow)
    for _ in range(2):
        execute_workflow_activity(
            workflow.executors["quarantine"], run.waits_for("dafx-email_routing-quarantine"), workflow
        )
    first, second = filed
    assert first == second


def test_what_its_agents_have_used_is_shown_of_a_run(start: Callable[..., Any]) -> None:
    workflow = email_routing()
    run = start(graph_orchestration(workflow), EMAIL, workflow)
    run_executors(run, workflow)
    assert "usage" not in run.state["customStatus"]
    verdict = SpamVerdict(is_spam=True, confidence=0.9, reason="a lottery")
    answer = AgentResponse(
        messages=[Message("assistant", [verdict.model_dump_json()])],
        usage_details=UsageDetails(input_token_count=20, output_token_count=4),
    )
    run.answer("email_routing-SpamDetector", answer)
    for _ in range(3):
        run_executors(run, workflow)
    assert run.state["isDone"]
    assert run.state["customStatus"]["usage"] == {"model_calls": 0, "input_tokens": 20, "output_tokens": 4}


@pytest.mark.parametrize("raw", [False, True])
def test_an_agent_that_failed_fails_the_run(start: Callable[..., Any], raw: bool) -> None:
    workflow = email_routing()
    run = start(graph_orchestration(workflow), EMAIL, workflow)
    run_executors(run, workflow)
    error = Content.from_error(message="key sk-1 is wrong", error_code="provider_denied")
    failure = {"error": "broken", "status": "error"} if raw else AgentResponse(messages=[Message("assistant", [error])])
    run.answer("email_routing-SpamDetector", failure)
    code = "EntityOperationFailed" if raw else "provider_denied"
    assert run.state["error"].startswith(f"Agent 'email_routing-SpamDetector' failed: {code}.")


def test_an_executor_is_tried_as_often_as_an_activity(start: Callable[..., Any]) -> None:
    workflow = email_routing()
    run = start(graph_orchestration(workflow), EMAIL, workflow)
    run.fail("dafx-email_routing-receive", attempts=3)
    assert "boom" in run.state["error"]
    assert run.state["customStatus"]["executors"]["receive"]["state"] == "failed"
