"""The function app: everything that exists is listed here; nothing is discovered."""

import os
from functools import partial

import samples
from activities.escalate_for_review import escalate_for_review
from activities.handle_spam_email import handle_spam_email
from activities.issue_refund import issue_refund
from activities.publish_content import publish_content
from activities.send_email import send_email
from agents import editor, email_assistant, librarian, researcher, shop_assistant, spam_detector, writer
from durable_agents import AgentFunctionApp, Orchestration, create_chat_client, create_run_tools, review_policy
from orchestrations.content_approval import content_approval
from orchestrations.email_triage import email_triage
from settings import Settings
from workflows.comment_moderation import create_comment_moderation
from workflows.email_routing import create_email_routing

settings = Settings.from_environ(os.environ)
chat = create_chat_client(settings.model)
threshold, review, outbox = settings.SPAM_CONFIDENCE_THRESHOLD, settings.review, settings.outbox_dir
file_spam = partial(handle_spam_email, outbox_dir=outbox)
send = partial(send_email, mail=settings.mail, outbox_dir=outbox)
publish = partial(publish_content, publishing=settings.publishing)
refund = partial(issue_refund, folder=outbox / "refunds")

triage = Orchestration(email_triage, defaults={"spam_threshold": threshold})
revisions = {"max_revisions": settings.MAX_REVISIONS}
approval = Orchestration(content_approval, defaults=revisions, fixed=review_policy(review))

app = AgentFunctionApp(
    settings=settings,
    agents=[
        writer.create_writer(chat),
        spam_detector.create_spam_detector(chat),
        email_assistant.create_email_assistant(chat),
        researcher.create_researcher(chat),
        shop_assistant.create_shop_assistant(chat, refund),
        editor.create_editor(chat, create_run_tools(approval, ["topic"])),
        # Only where there is a server for it: without its tools it could not do anything.
        *([] if settings.mcp_server is None else [librarian.create_librarian(chat, settings.mcp_server)]),
        *samples.create_agents(settings, chat),
    ],
    orchestrations=[triage, approval, *samples.list_orchestrations()],
    workflows=[
        create_email_routing(chat, threshold, file_spam, send),
        create_comment_moderation(chat, publish),
        *samples.create_workflows(settings, chat),
    ],
    request_policies=samples.list_policies(),
    mcp_tools=["Writer", "SpamDetector", "Researcher"],
)
app.add_activity(handle_spam_email, outbox_dir=outbox)
app.add_activity(send_email, once=True, mail=settings.mail, outbox_dir=outbox)
app.add_activity(escalate_for_review, review=review, outbox_dir=outbox)
app.add_activity(publish_content, publishing=settings.publishing)
samples.add_activities(app, settings)
