"""The function app: settings, model, agents, and the list of everything that is registered.

Nothing is discovered: what is not listed here does not exist.
"""

import logging
import os
from functools import partial

import azure.functions as func

from agents import writer
from durable_agents.activities.deliver_webhook import deliver_webhook
from durable_agents.app import DurableAgentApp
from durable_agents.chat_clients.factory import create_chat_client
from durable_agents.http.review_links import LinkSigner
from durable_agents.orchestration.registry import Orchestration, OrchestrationRegistry
from durable_agents.registration import register_activity, register_orchestration, register_timer
from durable_agents.routes import (
    agent_routes,
    approval_routes,
    event_routes,
    health_route,
    openapi_route,
    run_control_routes,
    run_routes,
    session_routes,
    stream_routes,
)
from durable_agents.routes.health_checks import Dependencies
from durable_agents.runs.purge import RunRemoval
from durable_agents.runs.retention import sweep_runs
from durable_agents.seal import Seal
from durable_agents.sessions.correlation import RunIds
from durable_agents.sessions.idle_timeout import sweep_sessions
from durable_agents.sessions.index_factory import create_session_index
from durable_agents.streams.store_factory import create_stream_store
from durable_agents.streams.writer import StreamCallback
from orchestrations.text_refinement import TextRefinementInput, text_refinement
from settings import Settings

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
trusts = settings.trusts_app_service

orchestrations = OrchestrationRegistry([Orchestration(text_refinement, TextRefinementInput)])

app = DurableAgentApp(
    agent_settings=settings.agents,
    session_ttl=settings.sessions.ttl,
    session_index=session_index,
    agents=[
        writer.create_writer(chat_client),
    ],
    http_auth_level=func.AuthLevel.FUNCTION,
    default_callback=None if stream_store is None else StreamCallback(stream_store),
)

for orchestration in orchestrations:
    register_orchestration(app, orchestration)

register_activity(app, deliver_webhook, webhooks=settings.completion_webhooks)

agent_routes.register(app, run_ids, wait_seconds=settings.agent_wait_seconds)
session_routes.register(app, session_index)
stream_routes.register(app, stream_store, run_ids, wait_seconds=settings.stream_wait_seconds)
removal = RunRemoval(app.names_by_entity, settings.drafts)
run_routes.register(app, orchestrations, app.names_by_entity, settings.completion_webhooks, seal)
run_control_routes.register(app, orchestrations, removal)
event_routes.register(app, orchestrations, trusts_app_service=trusts)
approval_routes.register(app, orchestrations, seal, trusts_app_service=trusts)
health_route.register(app, settings.model.provider, Dependencies(partial(create_chat_client, settings.model)))
openapi_route.register(app)
register_timer(
    app, settings.sessions.sweep_schedule, sweep_sessions, agents=app.agents_with_sessions, index=session_index
)
over = {"orchestrations": orchestrations, "kept": settings.runs, "removal": removal}
register_timer(app, settings.runs.sweep_schedule, sweep_runs, **over)
