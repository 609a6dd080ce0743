"""The function app: settings, model, agents, and the list of everything that is registered.

Nothing is discovered: what is not listed here does not exist.
"""

import logging
import os

import azure.functions as func

from activities.approval_links import LinkSigner
from activities.escalate_for_review import escalate_for_review
from activities.handle_spam_email import handle_spam_email
from activities.notify_reviewer import notify_reviewer
from activities.publish_content import publish_content
from activities.send_email import send_email
from agents.email_assistant import create_email_assistant
from agents.researcher import create_researcher
from agents.spam_detector import create_spam_detector
from agents.writer import create_writer
from chat_clients.factory import create_chat_client
from hosting.durable_app import DurableAgentApp
from hosting.registration import (
    Orchestration,
    OrchestrationTable,
    register_activity,
    register_orchestration,
    register_timer,
)
from hosting.session_indexes import create_session_index
from hosting.session_sweep import sweep_sessions
from orchestrations.content_approval import ContentApprovalInput, approval_defaults, content_approval
from orchestrations.email_triage import EmailTriageInput, email_triage
from routes import agents, approval_links, approvals, health, runs, sessions
from settings import Settings

# httpx logs the whole URL of every request, and the URL of a webhook is a credential.
logging.getLogger("httpx").setLevel(logging.WARNING)

settings = Settings.from_environ(os.environ)
chat_client = create_chat_client(settings.model)
session_index = create_session_index(settings.sessions.index)
link_signer = LinkSigner(settings.approval_links)

# The agent and health endpoints the package would generate are replaced by truthful ones at the same URLs, see routes/.
app = DurableAgentApp(
    agent_settings=settings.agents,
    session_ttl=settings.sessions.ttl,
    session_index=session_index,
    agents=[
        create_writer(chat_client),
        create_spam_detector(chat_client),
        create_email_assistant(chat_client),
        create_researcher(chat_client),
    ],
    http_auth_level=func.AuthLevel.FUNCTION,
    enable_http_endpoints=False,
    enable_health_check=False,
)

orchestrations = OrchestrationTable(
    [
        Orchestration(
            email_triage,
            EmailTriageInput,
            defaults={"spam_threshold": settings.triage.spam_threshold},
        ),
        Orchestration(content_approval, ContentApprovalInput, approval_defaults(settings.review)),
    ]
)
for orchestration in orchestrations:
    register_orchestration(app, orchestration)

register_activity(app, handle_spam_email, outbox_dir=settings.outbox_dir)
register_activity(app, send_email, mail=settings.mail, outbox_dir=settings.outbox_dir)
register_activity(
    app,
    notify_reviewer,
    review=settings.review,
    outbox_dir=settings.outbox_dir,
    drafts=settings.drafts,
    signer=link_signer,
)
register_activity(app, escalate_for_review, review=settings.review, outbox_dir=settings.outbox_dir)
register_activity(app, publish_content, publishing=settings.publishing)

agents.register(app, wait_seconds=settings.agent_wait_seconds)
sessions.register(app, session_index)
runs.register(app, orchestrations)
approvals.register(app, orchestrations, trusts_app_service=settings.trusts_app_service)
approval_links.register(
    app, approval_links.Links(orchestrations, link_signer, settings.drafts, settings.trusts_app_service)
)
health.register(app, model_provider=settings.model.provider)
register_timer(app, settings.sessions.sweep_schedule, sweep_sessions, agents=list(app.agents), index=session_index)
