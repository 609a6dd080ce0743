"""The function app: settings, model, agents, and the list of everything that is registered.

Nothing is discovered: what is not listed here does not exist.
"""

import logging
import os
from functools import partial

import azure.functions as func

from activities.approval_links import LinkSigner
from activities.deliver_webhook import deliver_webhook
from activities.escalate_for_review import escalate_for_review
from activities.handle_spam_email import handle_spam_email
from activities.issue_refund import issue_refund
from activities.notify_reviewer import notify_reviewer
from activities.publish_content import publish_content
from activities.send_email import send_email
from agents import editor, email_assistant, librarian, researcher, shop_assistant, spam_detector, writer
from chat_clients.factory import create_chat_client
from hosting.durable_app import DurableAgentApp
from hosting.health import Dependencies
from hosting.registration import (
    Orchestration,
    OrchestrationTable,
    register_activity,
    register_orchestration,
    register_timer,
)
from hosting.runs.removal import RunRemoval
from hosting.runs.sweep import sweep_runs
from hosting.runs.view import names_of_agents
from hosting.seal import Seal
from hosting.sessions.indexes import create_session_index
from hosting.sessions.sweep import sweep_sessions
from hosting.streams.stores import create_stream_store
from hosting.streams.writer import StreamCallback
from hosting.tools.runs import create_run_tools
from hosting.turns.correlation import RunIds
from hosting.workflows.graph import graph_orchestration
from orchestrations.content_approval import ContentApprovalInput, approval_policy, content_approval
from orchestrations.email_triage import EmailTriageInput, email_triage
from orchestrations.parallel_answers import ParallelAnswersInput, parallel_answers
from orchestrations.text_refinement import TextRefinementInput, text_refinement
from orchestrations.tool_approval import ToolApprovalInput, tool_approval, tool_reviewers
from routes import (
    agent_tools,
    agents,
    approvals,
    events,
    health,
    openapi,
    reviews,
    run_control,
    runs,
    samples,
    sessions,
    streams,
)
from routes import workflows as workflow_routes
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
patterns = [Orchestration(text_refinement, TextRefinementInput), Orchestration(parallel_answers, ParallelAnswersInput)]
graphs = [
    email_routing.create_email_routing(chat_client, settings.triage.spam_threshold, file_spam, send),
    comment_moderation.create_comment_moderation(chat_client, publish),
]
orchestrations = OrchestrationTable(
    [triage, content_approvals, tool_approvals, *patterns, *map(graph_orchestration, graphs)]
)

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

agents.register(app, run_ids, wait_seconds=settings.agent_wait_seconds)
sessions.register(app, session_index)
streams.register(app, stream_store, run_ids, wait_seconds=settings.stream_wait_seconds)
agent_tools.register(app, ["Writer", "SpamDetector", "Researcher"], run_ids, wait_seconds=settings.agent_wait_seconds)
removal = RunRemoval(names_of_agents(app), settings.drafts)
runs.register(app, orchestrations, settings.completion_webhooks, seal)
run_control.register(app, orchestrations, removal)
events.register(app, orchestrations, trusts_app_service=trusts)
approvals.register(app, orchestrations, seal, trusts_app_service=trusts)
reviews.register(app, reviews.Links(orchestrations, link_signer, settings.drafts, trusts))
health.register(app, settings.model.provider, Dependencies(partial(create_chat_client, settings.model)))
workflow_routes.register(app, orchestrations)
samples.register(app, orchestrations, trusts_app_service=trusts)
openapi.register(app)
register_timer(
    app, settings.sessions.sweep_schedule, sweep_sessions, agents=app.agents_with_sessions, index=session_index
)
over = {"orchestrations": orchestrations, "kept": settings.runs, "removal": removal}
register_timer(app, settings.runs.sweep_schedule, sweep_runs, **over)
