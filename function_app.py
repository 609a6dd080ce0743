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
from activities.publish_content import publish_content
from activities.send_email import send_email
from agents import editor, email_assistant, librarian, researcher, shop_assistant, spam_detector, writer
from durable_agents.activities.deliver_webhook import deliver_webhook
from durable_agents.activities.notify_reviewer import notify_reviewer
from durable_agents.app import DurableAgentApp
from durable_agents.chat_clients.factory import create_chat_client
from durable_agents.http.review_links import LinkSigner
from durable_agents.orchestration.registry import Orchestration, OrchestrationRegistry
from durable_agents.orchestration.tool_approval import ToolApprovalInput, tool_approval, tool_reviewers
from durable_agents.registration import register_activity, register_orchestration, register_timer
from durable_agents.routes import (
    agent_routes,
    approval_routes,
    event_routes,
    health_route,
    mcp_tools,
    openapi_route,
    review_routes,
    run_control_routes,
    run_routes,
    session_routes,
    stream_routes,
    workflow_routes,
)
from durable_agents.routes.health_checks import Dependencies
from durable_agents.runs.purge import RunRemoval
from durable_agents.runs.retention import sweep_runs
from durable_agents.runs.run_tools import create_run_tools
from durable_agents.seal import Seal
from durable_agents.sessions.correlation import RunIds
from durable_agents.sessions.idle_timeout import sweep_sessions
from durable_agents.sessions.index_factory import create_session_index
from durable_agents.streams.store_factory import create_stream_store
from durable_agents.streams.writer import StreamCallback
from durable_agents.workflows.graph import graph_orchestration
from orchestrations.content_approval import ContentApprovalInput, approval_policy, content_approval
from orchestrations.email_triage import EmailTriageInput, email_triage
from settings import Settings
from workflows import comment_moderation, email_routing

for library in ("httpx", "httpx2"):
    # They log the whole URL of every request, and the URL of a webhook or of an MCP server may be a credential.
    logging.getLogger(library).setLevel(logging.WARNING)

settings = Settings.from_environ(os.environ)
chat_client = create_chat_client(settings.model)
session_index = create_session_index(settings.sessions.index)
stream_store = create_stream_store(settings.stream_store)
link_signer = LinkSigner(settings.approval_links)
seal = Seal(lambda: link_signer.keys)
run_ids = RunIds(seal)
outbox, review, trusts = settings.outbox_dir, settings.review, settings.trusts_app_service
file_spam = partial(handle_spam_email, outbox_dir=outbox)
send = partial(send_email, mail=settings.mail, outbox_dir=outbox)
publish = partial(publish_content, publishing=settings.publishing)

triage = Orchestration(email_triage, EmailTriageInput, defaults={"spam_threshold": settings.triage.spam_threshold})
revisions = {"max_revisions": review.max_revisions}
content_approvals = Orchestration(content_approval, ContentApprovalInput, revisions, approval_policy(review))
tool_approvals = Orchestration(tool_approval, ToolApprovalInput, fixed=tool_reviewers(review), is_internal=True)
graphs = [
    email_routing.create_email_routing(chat_client, settings.triage.spam_threshold, file_spam, send),
    comment_moderation.create_comment_moderation(chat_client, publish),
]
orchestrations = OrchestrationRegistry([triage, content_approvals, tool_approvals, *map(graph_orchestration, graphs)])

app = DurableAgentApp(
    agent_settings=settings.agents,
    session_ttl=settings.sessions.ttl,
    session_index=session_index,
    tool_approval=tool_approvals,
    agents=[
        writer.create_writer(chat_client),
        spam_detector.create_spam_detector(chat_client),
        email_assistant.create_email_assistant(chat_client),
        researcher.create_researcher(chat_client),
        shop_assistant.create_shop_assistant(chat_client, partial(issue_refund, folder=outbox / "refunds")),
        editor.create_editor(chat_client, create_run_tools(content_approvals, ["topic"])),
        # Only where there is a server for it: without its tools it could not do anything.
        *([] if settings.mcp_server is None else [librarian.create_librarian(chat_client, settings.mcp_server)]),
    ],
    workflows=graphs,
    http_auth_level=func.AuthLevel.FUNCTION,
    default_callback=None if stream_store is None else StreamCallback(stream_store),
)

for orchestration in orchestrations:
    register_orchestration(app, orchestration)

register_activity(app, handle_spam_email, outbox_dir=outbox)
register_activity(app, send_email, mail=settings.mail, outbox_dir=outbox)
asking = {"review": review, "outbox_dir": outbox}
register_activity(app, notify_reviewer, **asking, drafts=settings.drafts, signer=link_signer)
register_activity(app, escalate_for_review, **asking)
register_activity(app, publish_content, publishing=settings.publishing)
register_activity(app, deliver_webhook, webhooks=settings.completion_webhooks)

agent_routes.register(app, run_ids, wait_seconds=settings.agent_wait_seconds)
session_routes.register(app, session_index)
stream_routes.register(app, stream_store, run_ids, wait_seconds=settings.stream_wait_seconds)
mcp_tools.register(app, ["Writer", "SpamDetector", "Researcher"], run_ids, wait_seconds=settings.agent_wait_seconds)
removal = RunRemoval(app.names_by_entity, settings.drafts)
run_routes.register(app, orchestrations, app.names_by_entity, settings.completion_webhooks, seal)
run_control_routes.register(app, orchestrations, removal)
event_routes.register(app, orchestrations, trusts_app_service=trusts)
approval_routes.register(app, orchestrations, seal, trusts_app_service=trusts)
review_routes.register(app, review_routes.Links(orchestrations, link_signer, settings.drafts, trusts))
health_route.register(app, settings.model.provider, Dependencies(partial(create_chat_client, settings.model)))
workflow_routes.register(app, orchestrations)
openapi_route.register(app)
register_timer(
    app, settings.sessions.sweep_schedule, sweep_sessions, agents=app.agents_with_sessions, index=session_index
)
over = {"orchestrations": orchestrations, "kept": settings.runs, "removal": removal}
register_timer(app, settings.runs.sweep_schedule, sweep_runs, **over)
