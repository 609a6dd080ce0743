"""The function app: settings, model, agents, and the list of everything that is registered.

Nothing is discovered: what is not listed here does not exist.
"""

import logging
import os
from functools import partial

import azure.functions as func

from activities.escalate_for_review import escalate_for_review
from activities.handle_spam_email import handle_spam_email
from activities.issue_refund import issue_refund
from activities.notify_reviewer import notify_reviewer
from activities.publish_content import publish_content
from activities.send_email import send_email
from agents.editor import create_editor
from agents.email_assistant import create_email_assistant
from agents.researcher import create_researcher
from agents.shop_assistant import create_shop_assistant
from agents.spam_detector import create_spam_detector
from agents.writer import create_writer
from chat_clients.factory import create_chat_client
from hosting.durable_app import DurableAgentApp
from hosting.registration import Orchestration, OrchestrationTable, register_activity, register_orchestration
from hosting.run_tools import create_run_tools
from orchestrations.content_approval import ContentApprovalInput, content_approval
from orchestrations.email_triage import EmailTriageInput, email_triage
from routes import agents, approvals, health, runs, tool_approvals
from settings import Settings

# httpx logs the whole URL of every request, and the URL of a webhook is a credential.
logging.getLogger("httpx").setLevel(logging.WARNING)

settings = Settings.from_environ(os.environ)
chat_client = create_chat_client(settings.model)

content_approvals = Orchestration(
    content_approval,
    ContentApprovalInput,
    defaults={
        "approval_timeout_hours": settings.review.approval_timeout_hours,
        "max_revisions": settings.review.max_revisions,
    },
)
email_triages = Orchestration(
    email_triage, EmailTriageInput, defaults={"spam_threshold": settings.triage.spam_threshold}
)
orchestrations = OrchestrationTable([email_triages, content_approvals])

# The agent and health endpoints the package would generate are replaced by truthful ones at the same URLs, see routes/.
app = DurableAgentApp(
    agent_settings=settings.agents,
    agents=[
        create_writer(chat_client),
        create_spam_detector(chat_client),
        create_email_assistant(chat_client),
        create_researcher(chat_client),
        create_shop_assistant(chat_client, partial(issue_refund, folder=settings.outbox_dir / "refunds")),
        create_editor(chat_client, create_run_tools(content_approvals)),
    ],
    http_auth_level=func.AuthLevel.FUNCTION,
    enable_http_endpoints=False,
    enable_health_check=False,
)

for orchestration in orchestrations:
    register_orchestration(app, orchestration)

register_activity(app, handle_spam_email, outbox_dir=settings.outbox_dir)
register_activity(app, send_email, mail=settings.mail, outbox_dir=settings.outbox_dir)
register_activity(app, notify_reviewer, review=settings.review, outbox_dir=settings.outbox_dir)
register_activity(app, escalate_for_review, review=settings.review, outbox_dir=settings.outbox_dir)
register_activity(app, publish_content, publishing=settings.publishing)

agents.register(app, wait_seconds=settings.agent_wait_seconds)
tool_approvals.register(app)
runs.register(app, orchestrations)
approvals.register(app, orchestrations)
health.register(app, model_provider=settings.model.provider)
