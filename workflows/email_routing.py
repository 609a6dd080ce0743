"""Route one e-mail: spam goes into quarantine, the rest is answered.

    receive -> SpamDetector -> judge -+- spam ---------> quarantine
                                      +- by a machine -> ignore
                                      +- the rest -----> ask -> EmailAssistant -> reply

It does what the orchestration `email_triage` does, as a graph: durable_agents/docs/workflows.md compares the two.
"""

import uuid
from collections.abc import Callable
from typing import Annotated, Any, Literal, Never

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
)
from pydantic import BaseModel, Field

from activities.handle_spam_email import QuarantineReceipt, SpamReport
from activities.send_email import EmailReceipt, OutgoingEmail
from agents.email_assistant import EmailReply, create_email_assistant
from agents.spam_detector import SpamVerdict, create_spam_detector
from durable_agents.mail import HeaderLine, MailboxText, find_machine_mark

NAME = "email_routing"
# In the state of a run, which all its executors share.
_EMAIL = "email"
_KEY = "key"


class IncomingEmail(BaseModel):
    """An e-mail that came in; its `headers` tell whether a machine has sent it."""

    sender: MailboxText
    subject: HeaderLine = Field(default="", max_length=1_000)
    body: str = Field(default="", max_length=100_000)
    headers: dict[str, Annotated[str, Field(max_length=4_000)]] = Field(default_factory=dict, max_length=100)

    def as_text(self) -> str:
        """Return the e-mail as the agents read it."""
        return f"From: {self.sender}\nSubject: {self.subject}\n\n{self.body}"


class Judgement(BaseModel):
    """What is done with the e-mail, and why; `confidence` is that of the verdict, from 0 to 1.

    `machine_mark` is the header that says that a machine has sent the e-mail.
    """

    is_spam: bool
    confidence: float
    reason: str
    machine_mark: str | None = None


class RoutedEmail(BaseModel):
    """What was done with the e-mail. `location` is the file of the record or of the reply, None if a server took it.

    `ignored` is what is no spam and yet gets no reply, for a machine has sent it.
    """

    outcome: Literal["quarantined", "replied", "ignored"]
    location: str | None


class Receive(Executor):
    """Keeps the e-mail in the state of the run, and a key that what the run does outside is known by.

    Executors run at least once. The state is stored with the result of this one, so those after it, at each of their
    attempts, find the same key.
    """

    def __init__(self) -> None:
        super().__init__("receive")

    @handler
    async def receive(self, email: IncomingEmail, ctx: WorkflowContext[str]) -> None:
        """Have the e-mail classified."""
        ctx.set_state(_EMAIL, email.model_dump())
        ctx.set_state(_KEY, f"{NAME}-{uuid.uuid4().hex}")
        await ctx.send_message(email.as_text())


class Judge(Executor):
    """Makes the verdict a decision.

    The threshold counts here and not in the condition of an edge: conditions are evaluated again in every replay, so
    they may depend on the message and on nothing else.
    """

    def __init__(self, spam_threshold: float) -> None:
        super().__init__("judge")
        self._spam_threshold = spam_threshold

    @handler
    async def judge(self, answer: AgentExecutorResponse, ctx: WorkflowContext[Judgement]) -> None:
        """Call spam what the detector is sure enough of."""
        verdict = SpamVerdict.model_validate_json(answer.agent_response.text)
        is_spam = verdict.is_spam and verdict.confidence > self._spam_threshold
        mark = find_machine_mark(_read_email(ctx).headers)
        judgement = Judgement(is_spam=is_spam, confidence=verdict.confidence, reason=verdict.reason, machine_mark=mark)
        await ctx.send_message(judgement)


class Quarantine(Executor):
    """Files spam, once for each run."""

    def __init__(self, handle_spam_email: Callable[[SpamReport], QuarantineReceipt]) -> None:
        super().__init__("quarantine")
        self._handle_spam_email = handle_spam_email

    @handler
    async def quarantine(self, judgement: Judgement, ctx: WorkflowContext[Never, RoutedEmail]) -> None:
        """Write the record."""
        email = _read_email(ctx)
        report = SpamReport(
            key=f"{ctx.get_state(_KEY)}-spam",
            **email.model_dump(),
            confidence=judgement.confidence,
            reason=judgement.reason,
        )
        receipt = self._handle_spam_email(report)
        await ctx.yield_output(RoutedEmail(outcome="quarantined", location=receipt.location))


class Ignore(Executor):
    """Leaves without a reply what a machine has sent: it might answer for ever."""

    def __init__(self) -> None:
        super().__init__("ignore")

    @handler
    async def ignore(self, judgement: Judgement, ctx: WorkflowContext[Never, RoutedEmail]) -> None:
        """Say so."""
        await ctx.yield_output(RoutedEmail(outcome="ignored", location=None))


class Ask(Executor):
    """Puts the e-mail to the agent that writes the reply."""

    def __init__(self) -> None:
        super().__init__("ask")

    @handler
    async def ask(self, judgement: Judgement, ctx: WorkflowContext[str]) -> None:
        """Send the text of the e-mail."""
        await ctx.send_message(_read_email(ctx).as_text())


class Reply(Executor):
    """Sends the reply, once for each run as far as the mail server allows it."""

    def __init__(self, send_email: Callable[[OutgoingEmail], EmailReceipt]) -> None:
        super().__init__("reply")
        self._send_email = send_email

    @handler
    async def reply(self, answer: AgentExecutorResponse, ctx: WorkflowContext[Never, RoutedEmail]) -> None:
        """Send what the agent has drafted."""
        draft = EmailReply.model_validate_json(answer.agent_response.text)
        recipient = _read_email(ctx).sender
        message = OutgoingEmail(
            key=f"{ctx.get_state(_KEY)}-reply", recipient=recipient, subject=draft.subject, body=draft.body
        )
        receipt = self._send_email(message)
        await ctx.yield_output(RoutedEmail(outcome="replied", location=receipt.location))


def create_email_routing(
    chat_client: SupportsChatGetResponse[Any],
    spam_threshold: float,
    handle_spam_email: Callable[[SpamReport], QuarantineReceipt],
    send_email: Callable[[OutgoingEmail], EmailReceipt],
) -> Workflow:
    """Build the graph. What is spam with a confidence above `spam_threshold`, from 0 to 1, goes into quarantine.

    Both functions must be safe to run twice with the same key.
    """
    receive, judge, ignore, ask = Receive(), Judge(spam_threshold), Ignore(), Ask()
    quarantine, reply = Quarantine(handle_spam_email), Reply(send_email)
    detector, assistant = create_spam_detector(chat_client), create_email_assistant(chat_client)
    description = "Puts spam into quarantine and answers the rest, but no machine."
    outputs: list[Executor | SupportsAgentRun] = [quarantine, ignore, reply]
    graph = WorkflowBuilder(name=NAME, description=description, start_executor=receive, output_from=outputs)
    graph.add_chain([receive, detector, judge])
    spam = Case(lambda judgement: judgement.is_spam, quarantine)
    by_machine = Case(lambda judgement: judgement.machine_mark is not None, ignore)
    graph.add_switch_case_edge_group(judge, [spam, by_machine, Default(ask)])
    graph.add_chain([ask, assistant, reply])
    return graph.build()


def _read_email(ctx: WorkflowContext[Any, Any]) -> IncomingEmail:
    return IncomingEmail.model_validate(ctx.get_state(_EMAIL))
