"""Graphs in the shapes of the five workflow samples of the framework (09 to 13), in one app.

They are state that executors share, an agent first, three kinds of fan-out, a human, and a human in a workflow inside
another. Nothing in them knows what hosts them.
"""

import json
import logging
from dataclasses import dataclass
from typing import Any, Never
from uuid import uuid4

from agent_framework import (
    Agent,
    AgentExecutorRequest,
    AgentExecutorResponse,
    Case,
    Default,
    Executor,
    Message,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    WorkflowExecutor,
    executor,
    handler,
    response_handler,
)
from pydantic import BaseModel

from durable_agents import AgentFunctionApp, WorkflowHitlContext
from durable_agents.testing import OfflineChatClient

logger = logging.getLogger(__name__)
chat = OfflineChatClient()


class Verdict(BaseModel):
    is_spam: bool
    reason: str


class Draft(BaseModel):
    response: str


class Mood(BaseModel):
    sentiment: str
    explanation: str


class Keywords(BaseModel):
    keywords: list[str]


def agent(name: str, instructions: str, answer: type[BaseModel] | None = None) -> Agent[Any]:
    options: Any = {} if answer is None else {"response_format": answer}
    return Agent(client=chat, name=name, instructions=instructions, default_options=options)


# 09: what executors share is an object of a class that no handler takes.
@dataclass
class Email:
    email_id: str
    text: str


@dataclass
class Detection:
    is_spam: bool
    reason: str
    email_id: str


def request_of(text: str) -> AgentExecutorRequest:
    return AgentExecutorRequest(messages=[Message("user", [text])], should_respond=True)


def is_spam(expected: bool) -> Any:
    def condition(message: Any) -> bool:
        return not isinstance(message, Detection) or message.is_spam == expected

    return condition


@executor(id="store_email")
async def store_email(text: str, ctx: WorkflowContext[AgentExecutorRequest]) -> None:
    email = Email(str(uuid4()), text)
    ctx.set_state(f"email:{email.email_id}", email)
    ctx.set_state("current", email.email_id)
    await ctx.send_message(request_of(email.text))


@executor(id="to_detection")
async def to_detection(response: AgentExecutorResponse, ctx: WorkflowContext[Detection]) -> None:
    verdict = Verdict.model_validate_json(response.agent_response.text)
    await ctx.send_message(Detection(verdict.is_spam, verdict.reason, ctx.get_state("current")))


@executor(id="to_assistant")
async def to_assistant(detection: Detection, ctx: WorkflowContext[AgentExecutorRequest]) -> None:
    email: Email = ctx.get_state(f"email:{detection.email_id}")
    await ctx.send_message(request_of(email.text))


@executor(id="finish")
async def finish(response: AgentExecutorResponse, ctx: WorkflowContext[Never, str]) -> None:
    await ctx.yield_output(f"Email sent: {Draft.model_validate_json(response.agent_response.text).response}")


@executor(id="handle_spam")
async def handle_spam(detection: Detection, ctx: WorkflowContext[Never, str]) -> None:
    await ctx.yield_output(f"Email marked as spam: {detection.reason}")


def shared_state() -> Workflow:
    detector, assistant = agent("SpamDetector", "You find spam.", Verdict), agent("Assistant", "You answer.", Draft)
    return (
        WorkflowBuilder(name="email_triage_shared_state", start_executor=store_email)
        .add_edge(store_email, detector)
        .add_edge(detector, to_detection)
        .add_edge(to_detection, to_assistant, condition=is_spam(False))
        .add_edge(to_detection, handle_spam, condition=is_spam(True))
        .add_edge(to_assistant, assistant)
        .add_edge(assistant, finish)
        .build()
    )


# 10: an agent comes first, and what it says decides.
class SpamHandler(Executor):
    @handler
    async def handle(self, response: AgentExecutorResponse, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.yield_output(
            f"Email marked as spam: {Verdict.model_validate_json(response.agent_response.text).reason}"
        )


class EmailSender(Executor):
    @handler
    async def handle(self, response: AgentExecutorResponse, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.yield_output(f"Email sent: {Draft.model_validate_json(response.agent_response.text).response}")


def is_spam_detected(message: Any) -> bool:
    if not isinstance(message, AgentExecutorResponse):
        return False
    return Verdict.model_validate_json(message.agent_response.text).is_spam


def no_shared_state() -> Workflow:
    detector, assistant = agent("SpamDetector", "You find spam.", Verdict), agent("Assistant", "You answer.", Draft)
    cases = [Case(condition=is_spam_detected, target=SpamHandler(id="spam_handler")), Default(target=assistant)]
    graph = WorkflowBuilder(name="email_triage", start_executor=detector).add_switch_case_edge_group(detector, cases)
    return graph.add_edge(assistant, EmailSender(id="email_sender")).build()


# 11: executors next to each other, agents next to each other, and one of each.
@dataclass
class Document:
    document_id: str
    content: str


@dataclass
class Count:
    name: str
    document_id: str
    content: str
    count: int


@executor(id="input_router")
async def input_router(text: str, ctx: WorkflowContext[Document]) -> None:
    data = json.loads(text)
    await ctx.send_message(Document(data.get("document_id", "unknown"), data.get("content", "")))


@executor(id="words")
async def words(document: Document, ctx: WorkflowContext[Count]) -> None:
    await ctx.send_message(Count("words", document.document_id, document.content, len(document.content.split())))


@executor(id="lines")
async def lines(document: Document, ctx: WorkflowContext[Count]) -> None:
    count = len(document.content.splitlines())
    await ctx.send_message(Count("lines", document.document_id, document.content, count))


@executor(id="aggregate")
async def aggregate(counts: list[Count], ctx: WorkflowContext[str]) -> None:
    ctx.set_state("counts", counts)
    await ctx.send_message(counts[0].content)


@executor(id="prepare_for_mixed")
async def prepare_for_mixed(analyses: list[AgentExecutorResponse], ctx: WorkflowContext[str]) -> None:
    await ctx.send_message(" and ".join(f"{one.executor_id}: {one.agent_response.text}" for one in analyses))


@executor(id="statistics")
async def statistics(text: str, ctx: WorkflowContext[Count]) -> None:
    await ctx.send_message(Count("statistics", "analysis", text, len(text)))


class FinalReport(Executor):
    @handler
    async def compile(self, parts: list[AgentExecutorResponse | Count], ctx: WorkflowContext[Never, str]) -> None:
        named = [part.executor_id if isinstance(part, AgentExecutorResponse) else part.name for part in parts]
        counted = [f"{count.name} {count.count}" for count in ctx.get_state("counts")]
        await ctx.yield_output(", ".join([*counted, *named]))


def parallel() -> Workflow:
    mood, keywords = agent("Sentiment", "You judge the mood.", Mood), agent("Keyword", "You find keywords.", Keywords)
    summary, report = agent("Summary", "You sum up."), FinalReport(id="final_report")
    return (
        WorkflowBuilder(name="parallel_review", start_executor=input_router)
        .add_fan_out_edges(source=input_router, targets=[words, lines])
        .add_fan_in_edges(sources=[words, lines], target=aggregate)
        .add_fan_out_edges(source=aggregate, targets=[mood, keywords])
        .add_fan_in_edges(sources=[mood, keywords], target=prepare_for_mixed)
        .add_fan_out_edges(source=prepare_for_mixed, targets=[summary, statistics])
        .add_fan_in_edges(sources=[summary, statistics], target=report)
        .build()
    )


# 12: a human decides on what an agent has looked at.
@dataclass
class Submission:
    content_id: str
    title: str
    body: str


class ApprovalResponse(BaseModel):
    approved: bool
    reviewer_notes: str = ""


@dataclass
class ApprovalRequest:
    content_id: str
    analysis: Verdict | None
    prompt: str


@dataclass
class Moderation:
    content_id: str
    status: str
    reviewer_notes: str


class Router(Executor):
    @handler
    async def route(self, text: str, ctx: WorkflowContext[AgentExecutorRequest]) -> None:
        ctx.set_state("submission", Submission(**json.loads(text)))
        await ctx.send_message(request_of(f"Analyze: {text}"))


class Review(Executor):
    @handler
    async def ask(self, response: AgentExecutorResponse, ctx: WorkflowContext[Moderation]) -> None:
        submission: Submission = ctx.get_state("submission")
        analysis = Verdict.model_validate_json(response.agent_response.text)
        request = ApprovalRequest(submission.content_id, analysis, f"Publish {submission.title}?")
        await ctx.request_info(request_data=request, response_type=ApprovalResponse)

    @response_handler
    async def decide(
        self, original_request: ApprovalRequest, response: ApprovalResponse, ctx: WorkflowContext[Moderation]
    ) -> None:
        status = "approved" if response.approved else "rejected"
        await ctx.send_message(Moderation(original_request.content_id, status, response.reviewer_notes))


class Publish(Executor):
    @handler
    async def publish(self, result: Moderation, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.yield_output(f"{result.content_id} {result.status}: {result.reviewer_notes or 'None'}")


def with_human() -> Workflow:
    router, analyzer = Router("input_router"), agent("ContentAnalyzer", "You look for spam.", Verdict)
    review, publish = Review("human_review"), Publish("publish")
    graph = WorkflowBuilder(name="content_moderation", start_executor=router)
    return graph.add_chain([router, analyzer, review, publish]).build()


# 13: the human is in a workflow inside, whose notifier builds the address of the answer.
@dataclass
class Notification:
    request_id: str


class Gate(Executor):
    @handler
    async def ask(self, submission: Submission, ctx: WorkflowContext[Notification]) -> None:
        request_id = str(uuid4())
        await ctx.send_message(Notification(request_id), target_id="notify")
        request = ApprovalRequest(submission.content_id, None, f"Publish {submission.title}?")
        await ctx.request_info(request_data=request, response_type=ApprovalResponse, request_id=request_id)

    @response_handler
    async def decide(
        self, original_request: ApprovalRequest, response: ApprovalResponse, ctx: WorkflowContext[Never, Moderation]
    ) -> None:
        status = "approved" if response.approved else "rejected"
        await ctx.yield_output(Moderation(original_request.content_id, status, response.reviewer_notes))


class Notify(Executor):
    @handler
    async def notify(self, notification: Notification, ctx: WorkflowContext) -> None:
        hitl = WorkflowHitlContext.from_context(ctx, base_url="http://reviewers")
        if hitl is not None:
            logger.warning("respond at: %s", hitl.build_respond_url(notification.request_id))


class Intake(Executor):
    @handler
    async def intake(self, submission: Submission, ctx: WorkflowContext[Submission]) -> None:
        await ctx.send_message(submission)


def with_human_inside() -> Workflow:
    gate, notify, intake, publish = Gate("review_gate"), Notify("notify"), Intake("intake"), Publish("publish")
    inner = WorkflowBuilder(name="human_review", start_executor=gate).add_edge(gate, notify).build()
    inside = WorkflowExecutor(inner, id="review_sub")
    graph = WorkflowBuilder(name="moderation_pipeline", start_executor=intake)
    return graph.add_edge(intake, inside).add_edge(inside, publish).build()


app = AgentFunctionApp(
    workflows=[shared_state(), no_shared_state(), parallel(), with_human(), with_human_inside()],
    enable_health_check=True,
)
