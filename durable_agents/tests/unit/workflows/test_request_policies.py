"""Who is asked, for how long, and what happens when nobody answers."""

import hashlib
import json
from datetime import timedelta
from typing import Any, Never

import pytest
from agent_framework import Executor, Workflow, WorkflowBuilder, WorkflowContext, handler, response_handler
from pydantic import BaseModel

from durable_agents.orchestration.human_requests import AnsweredBy, HumanAnswer
from durable_agents.tests.unit.workflows.graph_replay import GraphReplay
from durable_agents.workflows.request_policies import RequestPolicies, RequestPolicy

DAY = timedelta(days=1)


class Order(BaseModel):
    article: str


class Budget(BaseModel):
    text: str


class Law(BaseModel):
    text: str


class Vote(BaseModel):
    approved: bool


class Begin(Executor):
    @handler
    async def begin(self, order: Order, ctx: WorkflowContext[str]) -> None:
        await ctx.send_message(order.article)


class AskBudget(Executor):
    @handler
    async def ask(self, article: str, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.request_info(Budget(text=article), Vote, request_id="budget")

    @response_handler
    async def note(self, question: Budget, vote: Vote, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.yield_output(f"budget {vote.approved}")


class AskLaw(Executor):
    @handler
    async def ask(self, article: str, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.request_info(Law(text=article), Vote, request_id="law")

    @response_handler
    async def note(self, question: Law, vote: Vote, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.yield_output(f"law {vote.approved}")


def graph() -> Workflow:
    begin = Begin("begin")
    builder = WorkflowBuilder(name="orders", start_executor=begin)
    return builder.add_fan_out_edges(begin, [AskBudget("budget"), AskLaw("law")]).build()


def start(policies: dict[type, RequestPolicy]) -> GraphReplay:
    run = GraphReplay(graph(), {"article": "tea"}, policies)
    run.work()
    return run


def signed(reviewer: str | None, *, approved: bool = True) -> dict[str, Any]:
    return HumanAnswer(Vote(approved=approved), AnsweredBy(reviewer=reviewer, channel="api")).to_event()


def names(run: GraphReplay) -> list[str]:
    return [request["request_id"] for request in run.requests]


def test_whoever_is_asked_is_told_at_once_and_where_to_answer() -> None:
    run = start({Budget: RequestPolicy(reviewers=["ada"])})
    budget, law = run.told
    assert (budget["reviewers"], law["reviewers"]) == (["ada"], [])
    assert budget["title"] == "orders: budget"
    assert budget["answer_at"] == "workflow/orders/respond/run-1/budget"
    assert run.requests[0]["content_hash"] == budget["content_hash"]


def test_a_request_that_waits_for_as_long_as_it_takes_reminds() -> None:
    run = start({Budget: RequestPolicy(remind_after=2 * DAY)})
    run.pass_time(timedelta(days=5, hours=1))
    reminders = {request["request_id"]: request["reminders"] for request in run.requests}
    assert reminders == {"budget": 2, "law": 5}
    told = [(message["request_id"], message["reminder"]) for message in run.told]
    assert sorted(told) == [("budget", n) for n in range(3)] + [("law", n) for n in range(6)]
    assert len({message["key"] for message in run.told}) == len(told)


def test_when_the_time_is_over_the_run_goes_on_with_the_declared_answer() -> None:
    policy = RequestPolicy(expires_after=timedelta(hours=6), otherwise=Vote(approved=False))
    run = start({Budget: policy})
    assert run.requests[0]["if_expired"] == "answer"
    run.pass_time(timedelta(hours=7))
    assert names(run) == ["law"]
    assert run.status["expired_requests"] == ["budget"]
    run.run.raise_event("budget", {"approved": True})
    run.run.raise_event("law", {"approved": True})
    run.work()
    assert run.run.output == ["budget False", "law True"]
    assert not run.run.timers()


def test_when_the_time_is_over_and_no_answer_is_declared_the_run_fails() -> None:
    run = start({Law: RequestPolicy(expires_after=timedelta(hours=6))})
    assert run.requests[1]["if_expired"] == "failure"
    run.pass_time(timedelta(hours=7))
    assert "Nobody has answered request 'law' of executor 'law' until" in run.run.state["error"]


SETTLING = RequestPolicy(settles={"approved": False}, withdrawn={"approved": False}, reviewers=["ada"])


@pytest.mark.parametrize(("first", "other"), [("budget", "law"), ("law", "budget")])
def test_an_answer_that_settles_the_matter_withdraws_what_else_was_asked(first: str, other: str) -> None:
    run = start({Budget: SETTLING, Law: SETTLING})
    run.run.raise_event(first, signed("eve", approved=False))
    assert names(run) == ["budget", "law"], "an answer of somebody else settles nothing"
    run.run.raise_event(first, signed("ada", approved=False))
    assert run.status["withdrawn_requests"] == [other]
    run.run.raise_event(other, signed("ada"))
    run.work()
    assert run.run.output == ["budget False", "law False"]
    assert not run.run.timers()


def test_an_answer_that_settles_nothing_leaves_the_others_open() -> None:
    run = start({Budget: SETTLING, Law: SETTLING})
    run.run.raise_event("budget", signed("ada"))
    assert names(run) == ["law"]
    run.run.raise_event("law", signed("ada"))
    run.work()
    assert run.run.output == ["budget True", "law True"]
    assert "withdrawn_requests" not in run.status


def test_an_answer_that_is_about_to_be_recorded_is_not_withdrawn() -> None:
    run = start({Budget: SETTLING, Law: SETTLING})
    for name, approved in (("law", True), ("budget", False)):
        run.run.raise_event(name, signed("ada", approved=approved))
    run.work()
    assert "withdrawn_requests" not in run.status
    assert run.run.output == ["budget False", "law True"]


def test_what_may_not_be_withdrawn_is_waited_for() -> None:
    run = start({Budget: RequestPolicy(settles={"approved": False})})
    run.run.raise_event("budget", {"approved": False})
    assert names(run) == ["law"]
    run.run.raise_event("law", {"approved": True})
    run.work()
    assert run.run.output == ["budget False", "law True"]


def test_a_time_that_is_over_settles_the_matter_too() -> None:
    policy = RequestPolicy(expires_after=DAY, otherwise={"approved": False}, settles={"approved": False})
    run = start({Budget: policy, Law: SETTLING})
    run.pass_time(2 * DAY)
    assert (run.status["expired_requests"], run.status["withdrawn_requests"]) == (["budget"], ["law"])
    assert run.run.output == ["budget False", "law False"]


def test_an_answer_before_the_time_is_over_leaves_no_timer() -> None:
    run = start({kind: RequestPolicy(expires_after=DAY) for kind in (Budget, Law)})
    run.run.raise_event("law", {"approved": True})
    run.run.raise_event("budget", {"approved": True})
    run.work()
    assert run.run.output == ["budget True", "law True"]
    assert not run.run.timers()


@pytest.mark.parametrize("early", [timedelta(), timedelta(milliseconds=900)])
def test_a_timer_that_fires_early_ends_nothing_early(early: timedelta) -> None:
    run = start({Budget: RequestPolicy(expires_after=timedelta(hours=6), otherwise={"approved": False})})
    began = run.run.now
    while names(run) != ["law"]:
        number = min(run.run.timers(), key=lambda one: run.run.timers()[one]["fireAt"])
        run.run.fire(number, early=early)
        run.work()
    assert run.run.now - began >= timedelta(hours=6)


@pytest.mark.parametrize("payload", [{"approved": True}, signed(None), signed("eve"), {"$answer": 1, "channel": "x"}])
def test_where_reviewers_are_named_nobody_else_counts(payload: Any) -> None:
    run = start({Budget: RequestPolicy(reviewers=["ada", "bob"])})
    run.run.raise_event("budget", payload)
    assert names(run) == ["budget", "law"]
    assert run.requests[0]["note"].startswith("An event was ignored as an answer")
    run.run.raise_event("budget", signed(" ADA"))
    assert names(run) == ["law"]


def test_a_request_that_nobody_can_be_told_of_can_be_answered_all_the_same() -> None:
    run = GraphReplay(graph(), {"article": "tea"})
    run.work_on("dafx-orders-begin")
    for name in ("dafx-orders-budget", "dafx-orders-law"):
        run.work_on(name)
    law = [number for number, leaf in run.run.open.items() if leaf.get("functionName") == "notify_reviewer"][1]
    run.run.complete_number(law, {"channel": "outbox"})
    run.run.fail("notify_reviewer", attempts=3)
    assert "could not be told" in run.requests[0]["note"]
    for name in ("budget", "law"):
        run.run.raise_event(name, {"approved": True})
    run.work()
    assert run.run.output == ["budget True", "law True"]


def test_answers_are_in_the_audit_log_before_the_graph_goes_on_and_so_are_those_that_were_refused() -> None:
    run = start({Budget: RequestPolicy(reviewers=["ada"])})
    run.run.raise_event("budget", signed("mallory"))
    (refused,) = run.run.audit_log
    assert (refused["outcome"], refused["reviewer"], refused["approved"]) == ("refused", "mallory", True)
    run.run.raise_event("budget", {"rubbish": True})
    run.run.keeps_audit_log = False
    run.run.raise_event("budget", signed("Ada", approved=False))
    assert [leaf["functionName"] for leaf in run.run.open.values() if "functionName" in leaf] == ["record_decision"]
    entry = run.run.waits_for("record_decision")
    assert {
        "outcome": "settled",
        "reviewer": "Ada",
        "approved": False,
        "channel": "api",
        "asked_by": "orders: budget",
        "asked": ["ada"],
        "request_id": "budget",
        "content_hash": run.told[0]["content_hash"],
        "answer_hash": hashlib.sha256(b'{"approved": false}').hexdigest(),
    }.items() <= entry.items()
    assert names(run) == ["law"]
    run.run.complete("record_decision", {"id": entry["id"]})
    run.run.keeps_audit_log = True
    run.run.raise_event("law", {"approved": True})
    run.work()
    assert run.run.output == ["budget False", "law True"]


def test_a_request_whose_reviewers_wait_for_the_key_of_links_can_be_answered_all_the_same() -> None:
    run = GraphReplay(graph(), {"article": "tea"})
    run.work_on("dafx-orders-begin")
    for name in ("dafx-orders-budget", "dafx-orders-law"):
        run.work_on(name)
    first, second = [n for n, leaf in run.run.open.items() if leaf.get("functionName") == "notify_reviewer"]
    run.run.complete_number(first, {"channel": "none"})
    run.run.complete_number(second, {"channel": "none"})
    assert all("as soon as the app has the key" in request["note"] for request in run.requests)
    run.pass_time(timedelta(minutes=2))
    assert [request.get("note") for request in run.requests] == [None, None]
    for name in ("budget", "law"):
        run.run.raise_event(name, {"approved": True})
    run.work()
    assert run.run.output == ["budget True", "law True"]
    assert run.run.timers() == {}


@pytest.mark.parametrize(
    ("policies", "message"),
    [
        ({Order: RequestPolicy()}, "class Order, and no executor has a response handler"),
        ({Budget: RequestPolicy(otherwise={"approved": True})}, "Give it 'expires_after'"),
        ({Budget: RequestPolicy(expires_after=DAY, otherwise={"aproved": 1})}, "'otherwise', which is no answer to it"),
        ({Budget: RequestPolicy(settles={"aproved": False})}, "'aproved'.*, which no answer to it has"),
        ({Budget: RequestPolicy(withdrawn={"approved": True})}, "'withdrawn' by what"),
        (
            {Budget: RequestPolicy(settles={"approved": False}), Law: RequestPolicy(withdrawn={"aproved": 1})},
            "'withdrawn', which is no answer to it",
        ),
    ],
)
def test_a_policy_that_cannot_be_meant_stops_the_start(policies: dict[type, RequestPolicy], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RequestPolicies(policies).check([graph()])


def test_two_policies_for_one_class_stop_the_start() -> None:
    with pytest.raises(ValueError, match="two policies for requests of class Budget"):
        RequestPolicies({Budget: RequestPolicy()}, {Budget: RequestPolicy()})


@pytest.mark.parametrize(
    "fields",
    [
        {"expires_after": timedelta()},
        {"remind_after": timedelta()},
        {"reviewers": ["ada", "Ada"]},
        {"reviewers": [""]},
        {"expires_after": timedelta(days=366)},
    ],
)
def test_what_is_no_policy_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        RequestPolicy(**fields)


class AskMany(Executor):
    @handler
    async def ask(self, order: Order, ctx: WorkflowContext[Never, str]) -> None:
        for number in range(30):
            await ctx.request_info(Budget(text=order.article), Vote, request_id=f"budget-{number}")

    @response_handler
    async def note(self, question: Budget, vote: Vote, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.yield_output(str(vote.approved))


def test_more_requests_than_there_is_room_for_are_shown_as_others_are_answered() -> None:
    run = GraphReplay(WorkflowBuilder(name="many", start_executor=AskMany("ask")).build(), {"article": "tea"})
    run.work()
    assert len(run.told) == 30
    answered: set[str] = set()
    while run.requests:
        assert len(json.dumps(run.status)) <= 8_000
        assert len(run.requests) + run.status.get("requests_not_shown", 0) == 30 - len(answered)
        answered.add(names(run)[0])
        run.run.raise_event(names(run)[0], {"approved": True})
    run.work()
    assert len(answered) == len(run.run.output) == 30


def test_a_long_request_is_shown_without_what_it_is_about_and_told_whole() -> None:
    run = GraphReplay(graph(), {"article": "\N{GRINNING FACE}" * 500})
    run.work()
    assert [request.get("data_omitted", False) for request in run.requests] == [True, False]
    assert len(run.told[0]["content"]) > 500
    assert set(run.status["executors"]) == {"begin", "budget", "law"}
