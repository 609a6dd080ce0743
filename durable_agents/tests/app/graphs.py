"""Two graph workflows: one takes a branch, one asks a human when a check objects."""

import uuid
from collections.abc import Callable
from typing import Any, Literal, Never

from agent_framework import (
    AgentExecutorResponse,
    Case,
    Default,
    Executor,
    SupportsAgentRun,
    SupportsChatGetResponse,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
    response_handler,
)
from pydantic import BaseModel, Field, StrictBool

from durable_agents.mail import MailboxText
from durable_agents.tests.app.agents import EmailReply, SpamVerdict, create_email_assistant, create_spam_detector
from durable_agents.tests.app.effects import Article, Letter, Receipt, publish, quarantine, send_reply

_SPAM = 0.8


class Mail(BaseModel):
    sender: MailboxText
    subject: str = ""
    body: str = ""


class Routed(BaseModel):
    outcome: Literal["quarantined", "replied"]
    location: str


class Receive(Executor):
    """Keeps the e-mail and a key in the state of the run, which those after it find there at each attempt."""

    @handler
    async def receive(self, mail: Mail, ctx: WorkflowContext[str]) -> None:
        ctx.set_state("mail", mail.model_dump())
        ctx.set_state("key", f"email_routing-{uuid.uuid4().hex}")
        await ctx.send_message(f"{mail.subject}\n{mail.body}")


class Judge(Executor):
    @handler
    async def judge(self, answer: AgentExecutorResponse, ctx: WorkflowContext[SpamVerdict]) -> None:
        await ctx.send_message(SpamVerdict.model_validate_json(answer.agent_response.text))


class Quarantine(Executor):
    def __init__(self, file: Callable[[Letter], Receipt]) -> None:
        super().__init__("quarantine")
        self._file = file

    @handler
    async def quarantine(self, verdict: SpamVerdict, ctx: WorkflowContext[Never, Routed]) -> None:
        address = ctx.get_state("mail")["sender"]
        letter = Letter(key=f"{ctx.get_state('key')}-spam", address=address, reason=verdict.reason)
        await ctx.yield_output(Routed(outcome="quarantined", location=self._file(letter).location))


class Ask(Executor):
    @handler
    async def ask(self, verdict: SpamVerdict, ctx: WorkflowContext[str]) -> None:
        await ctx.send_message(ctx.get_state("mail")["body"])


class Reply(Executor):
    @handler
    async def reply(self, answer: AgentExecutorResponse, ctx: WorkflowContext[Never, Routed]) -> None:
        draft = EmailReply.model_validate_json(answer.agent_response.text)
        address = ctx.get_state("mail")["sender"]
        letter = Letter(key=f"{ctx.get_state('key')}-reply", address=address, **draft.model_dump())
        await ctx.yield_output(Routed(outcome="replied", location=send_reply(letter).location))


def create_email_routing(
    client: SupportsChatGetResponse[Any], file: Callable[[Letter], Receipt] = quarantine
) -> Workflow:
    judge, ask, reply = Judge("judge"), Ask("ask"), Reply("reply")
    spam = Case(lambda verdict: verdict.is_spam and verdict.confidence > _SPAM, Quarantine(file))
    graph = WorkflowBuilder(name="email_routing", start_executor=(receive := Receive("receive")))
    graph.add_chain([receive, create_spam_detector(client), judge])
    graph.add_switch_case_edge_group(judge, [spam, Default(ask)])
    return graph.add_chain([ask, create_email_assistant(client), reply]).build()


class Comment(BaseModel):
    author: str = Field(min_length=1, max_length=60)
    text: str = Field(min_length=1, max_length=500)


class Finding(BaseModel):
    objection: str | None


class ModerationRequest(BaseModel):
    comment: Comment
    objections: list[str]


class ModerationDecision(BaseModel):
    approved: StrictBool
    moderator: str | None = Field(default=None, min_length=1, max_length=100)
    note: str | None = Field(default=None, max_length=1_000)


class Moderated(BaseModel):
    outcome: Literal["published", "rejected"]
    moderator: str | None = None
    location: str | None = None


class Submit(Executor):
    @handler
    async def submit(self, comment: Comment, ctx: WorkflowContext[str]) -> None:
        ctx.set_state("comment", comment.model_dump())
        ctx.set_state("key", f"comment_moderation-{uuid.uuid4().hex}")
        await ctx.send_message(comment.text)


class Contacts(Executor):
    @handler
    async def check(self, text: str, ctx: WorkflowContext[Finding]) -> None:
        await ctx.send_message(Finding(objection="It has a link." if "www." in text else None))


class Weigh(Executor):
    """Publishes what nothing was found in, and asks a human about the rest."""

    @handler
    async def weigh(
        self, findings: list[Finding | AgentExecutorResponse], ctx: WorkflowContext[Never, Moderated]
    ) -> None:
        said = [read_objection(finding) for finding in findings]
        if objections := [objection for objection in said if objection is not None]:
            comment = Comment.model_validate(ctx.get_state("comment"))
            await ctx.request_info(ModerationRequest(comment=comment, objections=objections), ModerationDecision)
        else:
            await ctx.yield_output(publish_comment(ctx, None))

    @response_handler
    async def decide(
        self, request: ModerationRequest, decision: ModerationDecision, ctx: WorkflowContext[Never, Moderated]
    ) -> None:
        rejected = Moderated(outcome="rejected", moderator=decision.moderator)
        await ctx.yield_output(publish_comment(ctx, decision.moderator) if decision.approved else rejected)


def create_comment_moderation(client: SupportsChatGetResponse[Any]) -> Workflow:
    submit, weigh = Submit("submit"), Weigh("weigh")
    checks: list[Executor | SupportsAgentRun] = [Contacts("contacts"), create_spam_detector(client)]
    graph = WorkflowBuilder(name="comment_moderation", start_executor=submit, output_from=[weigh])
    return graph.add_fan_out_edges(submit, checks).add_fan_in_edges(checks, weigh).build()


def read_objection(finding: Finding | AgentExecutorResponse) -> str | None:
    if isinstance(finding, Finding):
        return finding.objection
    verdict = SpamVerdict.model_validate_json(finding.agent_response.text)
    return "It looks like spam." if verdict.is_spam else None


def publish_comment(ctx: WorkflowContext[Any, Any], moderator: str | None) -> Moderated:
    comment = Comment.model_validate(ctx.get_state("comment"))
    article = Article(key=ctx.get_state("key"), title=comment.author, content=comment.text)
    return Moderated(outcome="published", moderator=moderator, location=publish(article).location)
