"""The routes that every app has, wired to what they show."""

from collections.abc import Callable
from functools import partial

from durable_agents.chat_clients.factory import create_chat_client
from durable_agents.http.access import Access
from durable_agents.http.links import Links
from durable_agents.http.review_links import LinkSigner
from durable_agents.http.routing import Router
from durable_agents.orchestration.registry import OrchestrationRegistry
from durable_agents.routes.agent_routes import AgentRoutes
from durable_agents.routes.approval_routes import ApprovalRoutes
from durable_agents.routes.event_routes import EventRoutes
from durable_agents.routes.health_checks import Dependencies
from durable_agents.routes.health_route import AgentHealth, HealthRoutes
from durable_agents.routes.openapi_route import OpenApiRoute
from durable_agents.routes.review_routes import ReviewRoutes
from durable_agents.routes.run_control_routes import RunControlRoutes
from durable_agents.routes.run_routes import RunRoutes
from durable_agents.routes.session_routes import SessionRoutes
from durable_agents.routes.stream_routes import StreamRoutes
from durable_agents.routes.workflow_graph_route import WorkflowGraphRoute
from durable_agents.routes.workflow_paths_of_documents import WorkflowPathsOfDocuments
from durable_agents.routes.workflow_routes import WorkflowRoutes
from durable_agents.runs.listing import PageTokens
from durable_agents.runs.purge import RunPurge
from durable_agents.runs.run_view import RunView
from durable_agents.sessions.agent_registry import AgentRegistry
from durable_agents.sessions.correlation import RunIds
from durable_agents.sessions.index import SessionIndex
from durable_agents.sessions.lost import LostRuns
from durable_agents.settings.groups import ModelSettings
from durable_agents.settings.hosting import HostingSettings
from durable_agents.storage.audit_log import AuditLog
from durable_agents.streams.store import StreamStore
from durable_agents.workflows.workflow_registry import WorkflowRegistry


def add_run_routes(
    router: Router,
    settings: HostingSettings,
    orchestrations: OrchestrationRegistry,
    workflows: WorkflowRegistry,
    agents: AgentRegistry,
    *,
    access: Access,
    links: Links,
    signer: LinkSigner,
    tokens: PageTokens,
    view: RunView,
    purge: RunPurge,
    run_ids: RunIds,
    audit: AuditLog,
) -> None:
    """Register the routes of runs, of what waits for humans, and of workflows, and the document of all routes."""
    trusts = settings.APP_SERVICE_AUTHENTICATION
    RunRoutes(orchestrations, access, view, tokens, settings.completion_webhooks).register(router)
    RunControlRoutes(orchestrations, view, purge, run_ids).register(router)
    EventRoutes(orchestrations, links, trusts_app_service=trusts).register(router)
    ApprovalRoutes(orchestrations, access, links, tokens, audit).register(router)
    ReviewRoutes(orchestrations, workflows, signer, settings.drafts, trusts_app_service=trusts).register(router)
    WorkflowRoutes(workflows, access, links).register(router)
    WorkflowGraphRoute(workflows).register(router)
    WorkflowPathsOfDocuments(workflows, links).register(router)
    OpenApiRoute(router, agents, links).register()


def add_agent_routes(
    router: Router,
    agents: AgentRegistry,
    *,
    access: Access,
    links: Links,
    run_ids: RunIds,
    index: SessionIndex,
    streams: StreamStore | None,
    wait_seconds: float,
    stream_wait_seconds: float,
) -> None:
    """Register the routes of agents, of their sessions and of what they answer while they do."""
    lost = LostRuns()
    AgentRoutes(agents, access, links, run_ids, lost, wait_seconds).register(router)
    SessionRoutes(agents, access, links, index).register(router)
    StreamRoutes(agents, streams, run_ids, lost, stream_wait_seconds).register(router)


def add_health_route(
    router: Router,
    links: Links,
    describe_agents: Callable[[], list[AgentHealth]],
    model: ModelSettings,
    signer: LinkSigner,
) -> None:
    """Register the route that says whether the app is up, and what it needs can be reached."""
    dependencies = Dependencies(partial(create_chat_client, model), signer.check)
    HealthRoutes(links, describe_agents, model.provider, dependencies).register(router)
