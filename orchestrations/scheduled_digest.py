"""Tell in a digest what was published since the last one: by mail where somebody is to get it, else in a file.

Use it for what has to happen at its hours once, however many instances the app has: `app.add_schedule` starts it under
an id made of the hour. Not for what must happen soon after an event (start a run from where the event is), nor for less
than an hour. Without hours in samples.py no timer is there, and only a caller starts it.
"""

from datetime import timedelta
from typing import Literal

from pydantic import BaseModel

from activities.file_digest import FiledDigest, FilingReceipt, file_digest
from activities.list_publications import list_publications
from activities.send_email import EmailReceipt, OutgoingEmail, send_email
from agents import digest_writer
from agents.digest_writer import Digest
from durable_agents import OrchestrationContext, Slot, Steps
from durable_agents.mail import MailboxText

_ANSWER_TIME = timedelta(minutes=5)


class ScheduledDigestInput(Slot):
    """What `scheduled_digest` starts with: the time it is about; the deployment says who gets it."""

    recipient: MailboxText | None = None


class ScheduledDigestOutput(BaseModel):
    """What became of the time: it was `quiet` when nothing was published in it."""

    outcome: Literal["quiet", "mailed", "filed"]
    articles: int
    digest: Digest | None = None
    receipt: EmailReceipt | FilingReceipt | None = None


def scheduled_digest(context: OrchestrationContext, request: ScheduledDigestInput) -> Steps[ScheduledDigestOutput]:
    """List what was published, have the digest written, and send it; nothing is sent of a quiet time.

    What it sends is keyed by the id of the run: one slot, one mail, also if a host starts it again.

    Raises:
        AgentError: The digest could not be written. The next run of the schedule is about this time too.
    """
    listed = yield from context.call(list_publications, Slot(since=request.since, until=request.until))
    count = len(listed.articles) + listed.left_out
    if not count:
        return ScheduledDigestOutput(outcome="quiet", articles=0)
    context.status("writing", articles=count)
    message = f"From {request.since:%Y-%m-%d %H:%M} to {request.until:%Y-%m-%d %H:%M} UTC.\n\n{listed.as_text()}"
    digest = yield from context.ask(digest_writer.NAME, message, Digest, timeout=_ANSWER_TIME)
    key = f"{context.instance_id}-digest"
    if request.recipient is None:
        filed = FiledDigest(key=key, subject=digest.subject, body=digest.body)
        kept = yield from context.call(file_digest, filed)
        return ScheduledDigestOutput(outcome="filed", articles=count, digest=digest, receipt=kept)
    mail = OutgoingEmail(key=key, recipient=request.recipient, subject=digest.subject, body=digest.body)
    sent = yield from context.call(send_email, mail)
    return ScheduledDigestOutput(outcome="mailed", articles=count, digest=digest, receipt=sent)
