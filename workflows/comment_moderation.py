"""Moderate a reader's comment: three checks at the same time, and a human where one of them objects.

submit -+-> contacts ------+-> weigh -+- no objection, or approved -> publish
        +-> shouting ------+          +- rejected by a human
        +-> SpamDetector --+
"""

import re
import uuid
from collections.abc import Callable
from typing import Any, Literal, Never

from agent_framework import (
    AgentExecutorResponse,
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

from activities.publish_content import Article, PublicationReceipt
from agents.spam_detector import SpamVerdict, create_spam_detector
from durable_agents import cut

NAME = "comment_moderation"
# In the state of a run, which all its executors share.
_COMMENT = "comment"
_KEY = "key"
_CONTACT = re.compile(r"https?://|www\.|[^\s@]+@[^\s@]+\.\w", re.IGNORECASE)
_FEWEST_LETTERS_OF_A_SHOUT = 12
# What a human is asked stands in the status of the run, which has room for 8,000 characters of JSON.
_REASON_JSON_CHARACTERS = 500


class Comment(BaseModel):
    """A comment of a reader. Its length is limited so that whoever decides on it is shown all of it."""

    author: str = Field(min_length=1, max_length=60, pattern=r"^[^\r\n]+$")
    text: str = Field(min_length=1, max_length=500)


class Finding(BaseModel):
    """What one check says; no objection means that the check is content."""

    objection: str | None


class ModerationRequest(BaseModel):
    """What a human is asked: whether this comment is published in spite of the objections."""

    comment: Comment
    objections: list[str]


class ModerationDecision(BaseModel):
    """The answer of the human."""

    approved: StrictBool
    moderator: str | None = Field(default=None, min_length=1, max_length=100)
    note: str | None = Field(default=None, max_length=1_000)


class ApprovedComment(BaseModel):
    """That the comment may be published, and by whom it was approved in spite of objections, if by anybody."""

    objections: list[str]
    moderator: str | None = None


class ModeratedComment(BaseModel):
    """What became of the comment. `location` is where it was published."""

    outcome: Literal["published", "rejected"]
    objections: list[str]
    moderator: str | None = None
    note: str | None = None
    location: str | None = None


class Submit(Executor):
    """Keeps the comment in the state of the run, and the key under which it may be published."""

    def __init__(self) -> None:
        super().__init__("submit")

    @handler
    async def submit(self, comment: Comment, ctx: WorkflowContext[str]) -> None:
        """Have the text checked."""
        ctx.set_state(_COMMENT, comment.model_dump())
        ctx.set_state(_KEY, f"{NAME}-{uuid.uuid4().hex}")
        await ctx.send_message(comment.text)


class Contacts(Executor):
    """Objects to links and addresses."""

    def __init__(self) -> None:
        super().__init__("contacts")

    @handler
    async def check(self, text: str, ctx: WorkflowContext[Finding]) -> None:
        """Look for a link or an e-mail address."""
        found = _CONTACT.search(text) is not None
        await ctx.send_message(Finding(objection="It has a link or an address." if found else None))


class Shouting(Executor):
    """Objects to capital letters throughout."""

    def __init__(self) -> None:
        super().__init__("shouting")

    @handler
    async def check(self, text: str, ctx: WorkflowContext[Finding]) -> None:
        """Look at the case of the letters."""
        letters = [character for character in text if character.isalpha()]
        shouts = len(letters) >= _FEWEST_LETTERS_OF_A_SHOUT and all(letter.isupper() for letter in letters)
        await ctx.send_message(Finding(objection="It is written in capital letters." if shouts else None))


class Weigh(Executor):
    """Lets a comment through that nothing was found in, and asks a human about any other."""

    def __init__(self) -> None:
        super().__init__("weigh")

    @handler
    async def weigh(
        self, findings: list[Finding | AgentExecutorResponse], ctx: WorkflowContext[ApprovedComment]
    ) -> None:
        """Read the findings of all checks, in the order of the checks."""
        objections = [objection for finding in findings if (objection := _read_objection(finding)) is not None]
        if not objections:
            await ctx.send_message(ApprovedComment(objections=[]))
            return
        request = ModerationRequest(comment=_read_comment(ctx), objections=objections)
        await ctx.request_info(request, ModerationDecision)

    @response_handler
    async def decide(
        self,
        request: ModerationRequest,
        decision: ModerationDecision,
        ctx: WorkflowContext[ApprovedComment, ModeratedComment],
    ) -> None:
        """Act on the decision of the human."""
        if decision.approved:
            await ctx.send_message(ApprovedComment(objections=request.objections, moderator=decision.moderator))
            return
        rejected = ModeratedComment(
            outcome="rejected", objections=request.objections, moderator=decision.moderator, note=decision.note
        )
        await ctx.yield_output(rejected)


class Publish(Executor):
    """Publishes the comment, once for each run."""

    def __init__(self, publish_content: Callable[[Article], PublicationReceipt]) -> None:
        super().__init__("publish")
        self._publish_content = publish_content

    @handler
    async def publish(self, approved: ApprovedComment, ctx: WorkflowContext[Never, ModeratedComment]) -> None:
        """Write the comment where articles are written."""
        comment = _read_comment(ctx)
        article = Article(key=ctx.get_state(_KEY), title=f"Comment by {comment.author}", content=comment.text)
        location = self._publish_content(article).location
        await ctx.yield_output(ModeratedComment(outcome="published", **approved.model_dump(), location=location))


def create_comment_moderation(
    chat_client: SupportsChatGetResponse[Any], publish_content: Callable[[Article], PublicationReceipt]
) -> Workflow:
    """Build the graph. `publish_content` must be safe to run twice with the same key."""
    submit, weigh, publish = Submit(), Weigh(), Publish(publish_content)
    checks: list[Executor | SupportsAgentRun] = [Contacts(), Shouting(), create_spam_detector(chat_client)]
    description = "Publishes a comment, or asks a human about it."
    graph = WorkflowBuilder(name=NAME, description=description, start_executor=submit, output_from=[weigh, publish])
    graph.add_fan_out_edges(submit, checks)
    graph.add_fan_in_edges(checks, weigh)
    graph.add_edge(weigh, publish)
    return graph.build()


def _read_objection(finding: Finding | AgentExecutorResponse) -> str | None:
    if isinstance(finding, Finding):
        return finding.objection
    verdict = SpamVerdict.model_validate_json(finding.agent_response.text)
    return f"It looks like spam: {cut(verdict.reason, _REASON_JSON_CHARACTERS)}" if verdict.is_spam else None


def _read_comment(ctx: WorkflowContext[Any, Any]) -> Comment:
    return Comment.model_validate(ctx.get_state(_COMMENT))
