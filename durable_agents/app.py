"""The function app: Microsoft's `AgentFunctionApp` with sessions, orchestrations, approvals, runs and their routes.

This is the one place where something inside the package's class is replaced: it has no public way to do that. A test
fails when one of the methods that are overridden here changes.
"""

import functools
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import azure.durable_functions as df
import azure.functions as func
from agent_framework import FunctionTool, SupportsAgentRun, Workflow
from agent_framework_azurefunctions import AgentFunctionApp as FrameworkApp
from agent_framework_durabletask import AgentResponseCallbackProtocol, AgentSessionId
from azure.functions.decorators.function_app import Function
from pydantic import BaseModel

from durable_agents.activities.deliver_webhook import deliver_webhook
from durable_agents.activities.notify_reviewer import notify_reviewer
from durable_agents.binding import bind_activity
from durable_agents.chat_clients.factory import create_chat_client
from durable_agents.http.links import Links
from durable_agents.http.review_links import LinkSigner
from durable_agents.http.routing import Router
from durable_agents.limits import StreamLimits, SweepSchedules, TurnLimits
from durable_agents.orchestration.completion_reports import reporting_end
from durable_agents.orchestration.registry import Orchestration, OrchestrationRegistry
from durable_agents.orchestration.story import is_story, play
from durable_agents.orchestration.tool_approval import ToolApprovalInput, tool_approval, tool_reviewers
from durable_agents.payloads import read_payloads_as_plain_json
from durable_agents.routes.agent_routes import AgentRoutes
from durable_agents.routes.approval_routes import ApprovalRoutes
from durable_agents.routes.event_routes import EventRoutes
from durable_agents.routes.health_checks import Dependencies
from durable_agents.routes.health_route import HealthRoute
from durable_agents.routes.mcp_tools import AgentTool
from durable_agents.routes.openapi_route import OpenApiRoute
from durable_agents.routes.review_routes import ReviewRoutes
from durable_agents.routes.run_control_routes import RunControlRoutes
from durable_agents.routes.run_routes import RunRoutes
from durable_agents.routes.session_routes import SessionRoutes
from durable_agents.routes.stream_routes import StreamRoutes
from durable_agents.routes.workflow_routes import WorkflowRoutes
from durable_agents.runs.listing import PageTokens
from durable_agents.runs.purge import RunPurge
from durable_agents.runs.run_view import RunView
from durable_agents.runs.status import INTERNAL_FIELDS
from durable_agents.runs.tool_approval_runs import ToolApprovals
from durable_agents.seal import Seal
from durable_agents.sessions.agent_registry import AgentRegistry
from durable_agents.sessions.budget import RunBudget
from durable_agents.sessions.compaction import summarize_with
from durable_agents.sessions.correlation import RunIds
from durable_agents.sessions.entity import create_agent_entity
from durable_agents.sessions.entity_function import register_entity
from durable_agents.sessions.idle_timeout import IdleSessions
from durable_agents.sessions.index_factory import create_session_index
from durable_agents.sessions.lifetime import SessionLifetime, ttl_of_agent
from durable_agents.sessions.mcp import McpTools
from durable_agents.sessions.pending import allow_approvals, find_free_tools
from durable_agents.sessions.tool_retries import ToolRetry
from durable_agents.sessions.turn import StreamingAgent, Turns
from durable_agents.settings.hosting import HostingSettings
from durable_agents.streams.store_factory import create_stream_store
from durable_agents.streams.writer import StreamCallback
from durable_agents.workflows.codec import use_plain_json
from durable_agents.workflows.graph import graph_orchestration
from durable_agents.workflows.validation import agents_of, check_workflows
from durable_agents.workflows.workflow_registry import WorkflowRegistry


class AgentFunctionApp(FrameworkApp):
    """Hosts agents, orchestrations and graph workflows, with the routes to reach them under `/api`.

    What it takes from the package are the names and the state of sessions and workflows; agents take their turns as
    `durable_agents.sessions.turn` says. An HTTP route, an activity or a timer of the app's own is added as in any
    function app; `add_activity` registers one that takes and returns a pydantic model.

    Args:
        settings: What the deployment says.
        agents: The agents that callers can talk to, each with its own endpoint.
        orchestrations: What can be started under `/runs`.
        workflows: Graph workflows: each has an endpoint, its runs are runs like all others.
        mcp_tools: The names of the agents that are MCP tools as well.
        limits: What a turn of an agent may do.
        streaming: How long streams are kept and waited for.
        sweeps: When ended sessions and old runs are removed.
        options: Further arguments of Microsoft's class, as they are.

    Raises:
        ValueError: The workflows cannot be hosted, see `check_workflows`, or the name of an agent is impossible.
    """

    def __init__(
        self,
        settings: HostingSettings,
        *,
        agents: Sequence[SupportsAgentRun] = (),
        orchestrations: Iterable[Orchestration] = (),
        workflows: Sequence[Workflow] = (),
        mcp_tools: Iterable[str] = (),
        limits: TurnLimits | None = None,
        streaming: StreamLimits | None = None,
        sweeps: SweepSchedules | None = None,
        **options: Any,
    ) -> None:
        _keep_urls_out_of_logs()
        read_payloads_as_plain_json()
        check_workflows(workflows, [str(agent.name) for agent in agents])
        for workflow in workflows:
            use_plain_json(workflow)
        self.settings = settings
        self.links = Links(settings.host.route_prefix, settings.PUBLIC_BASE_URL, settings.host.own_url)
        self._limits = limits or TurnLimits()
        self._streaming = streaming or StreamLimits()
        self.router = Router(self)
        self._signer = LinkSigner(settings.approval_links, self.links)
        self._index = create_session_index(settings.session_index)
        self._streams = create_stream_store(settings.stream_store, self._streaming.expiry_seconds)
        asking = Orchestration(
            tool_approval, ToolApprovalInput, fixed=tool_reviewers(settings.review), is_internal=True
        )
        self._approvers = ToolApprovals(asking)
        # Before the package's own __init__, which registers the agents.
        super().__init__(
            agents=list(agents),
            workflows=list(workflows),
            enable_http_endpoints=False,
            enable_health_check=False,
            **{"default_callback": None if self._streams is None else StreamCallback(self._streams), **options},
        )
        graphs = map(graph_orchestration, workflows)
        self.orchestrations = OrchestrationRegistry([*orchestrations, asking, *graphs])
        for orchestration in self.orchestrations:
            self._add_orchestration(orchestration)
        self.add_activity(
            notify_reviewer,
            review=settings.review,
            outbox_dir=settings.outbox_dir,
            drafts=settings.drafts,
            signer=self._signer,
        )
        self.add_activity(deliver_webhook, webhooks=settings.completion_webhooks)
        self._add_routes(mcp_tools, sweeps or SweepSchedules())

    @property
    def agents(self) -> dict[str, SupportsAgentRun]:
        """The agents that callers can talk to, by name. One inside a workflow is none of them.

        Its session belongs to a run; whoever could talk in it would put words into that run.
        """
        inside = {name for workflow in self.workflows.values() for name in agents_of(workflow)}
        return {name: agent for name, agent in super().agents.items() if name not in inside}

    def link(self, req: func.HttpRequest, *segments: str) -> str:
        """Return the absolute URL of a route for the caller of this request, as `app.link(req, "runs", run_id)`.

        It is right from any route of the app's own, whatever prefix host.json has and whatever stands before the app.
        The segments must be safe in a URL as they are.
        """
        return self.links.to(req, *segments)

    def get_functions(self) -> list[Function]:
        """Return all functions of the app, as the host asks once: what is not among them cannot be called."""
        # AgentFunctionApp declares only a part of what it inherits.
        functions: list[Function] = cast(df.DFApp, super()).get_functions()
        triggers = {str(function.get_function_name()).casefold(): function.get_trigger() for function in functions}
        self._trigger_types = {name: str(trigger.type) for name, trigger in triggers.items() if trigger}
        return functions

    def _is_registered(self, kind: str, name: str) -> bool:
        """Say whether there is an activity or an orchestration of this name. Without one, Azure waits for ever."""
        return self._trigger_types.get(name.casefold()) == f"{kind}Trigger"

    def add_activity(self, function: Callable[..., BaseModel], **dependencies: Any) -> None:
        """Register an activity under its own name; `dependencies` fill its keyword-only parameters.

        Raises:
            TypeError: The function or its dependencies do not fit, see `bind_activity`.
        """
        activity = bind_activity(function, **dependencies)
        (parameter,) = (name for name in activity.__annotations__ if name != "return")
        self.activity_trigger(input_name=parameter)(activity)

    def _add_orchestration(self, orchestration: Orchestration) -> None:
        """Register the generator under its own name, with `get_agent` filled in; at its end it reports to a webhook."""
        function = orchestration.function
        if is_story(function):
            function = play(function, INTERNAL_FIELDS, self._is_registered)
        function = reporting_end(function)
        with_agents = functools.update_wrapper(functools.partial(function, get_agent=self.get_agent), function)
        self.orchestration_trigger(context_name="context")(with_agents)

    def _add_routes(self, mcp_agents: Iterable[str], sweeps: SweepSchedules) -> None:
        settings, orchestrations, router = self.settings, self.orchestrations, self.router
        agents, seal = AgentRegistry(self.agents), Seal(lambda: self._signer.keys)
        all_agents = list(super().agents)
        by_entity = {AgentSessionId.to_entity_name(name).lower(): name for name in all_agents}
        run_ids, trusts = RunIds(seal), settings.APP_SERVICE_AUTHENTICATION
        view, tokens = RunView(by_entity, self.links), PageTokens(seal)
        purge = RunPurge(orchestrations, by_entity, settings.drafts, settings.RUN_RETENTION_DAYS)
        AgentRoutes(agents, self.links, run_ids, settings.AGENT_WAIT_SECONDS).register(router)
        SessionRoutes(agents, self.links, self._index).register(router)
        StreamRoutes(agents, self._streams, run_ids, self._streaming.wait_seconds).register(router)
        for name in mcp_agents:
            AgentTool(agents.find(name), run_ids, settings.AGENT_WAIT_SECONDS).register(self)
        RunRoutes(orchestrations, view, tokens, settings.completion_webhooks).register(router)
        RunControlRoutes(orchestrations, view, purge).register(router)
        EventRoutes(orchestrations, self.links, trusts_app_service=trusts).register(router)
        ApprovalRoutes(orchestrations, self.links, tokens, trusts_app_service=trusts).register(router)
        ReviewRoutes(orchestrations, self._signer, settings.drafts, trusts_app_service=trusts).register(router)
        dependencies = Dependencies(functools.partial(create_chat_client, settings.model))
        HealthRoute(agents, settings.model.provider, dependencies).register(router)
        WorkflowRoutes(WorkflowRegistry(self.workflows.values(), orchestrations), self.links).register(router)
        OpenApiRoute(router, agents, self.links).register()
        self._add_timer(sweeps.sessions, IdleSessions(all_agents, self._index).sweep_sessions)
        self._add_timer(sweeps.runs, purge.purge_ended_runs)

    def _add_timer(self, schedule: str, handler: Callable[..., Any]) -> None:
        """Register an async function that a timer calls, with a cron expression that has seconds."""
        # AgentFunctionApp declares only a part of what it inherits.
        app = cast(df.DFApp, self)
        function = app.durable_client_input(client_name="client")(handler)
        app.timer_trigger(arg_name="timer", schedule=schedule)(function)

    def _setup_workflow_orchestration(self, workflow: Workflow) -> None:
        """Register nothing: the orchestration is registered with all others."""

    def _register_workflow_routes(self, workflow: Workflow) -> None:
        """Register nothing: `durable_agents.routes.workflow_routes` has truthful routes at the same URLs."""

    def _setup_agent_entity(
        self, agent: SupportsAgentRun, agent_name: str, callback: AgentResponseCallbackProtocol | None
    ) -> None:
        options: dict[str, Any] = getattr(agent, "default_options", {})
        for tool in options.get("tools") or ():
            # A policy that cannot be read would otherwise show at the first call of the tool, as the tool's failure.
            if isinstance(tool, FunctionTool):
                ToolRetry.of_tool(tool)
        declared = options.get("response_format")
        turns = Turns(
            name=agent_name,
            agent=cast(StreamingAgent, agent),
            limits=self._limits,
            budget=RunBudget.of_agent(agent),
            mcp=McpTools.of_agent(agent),
            summarize=summarize_with(agent),
            callback=callback,
            default_format=declared if isinstance(declared, type) and issubclass(declared, BaseModel) else None,
            free_tools=find_free_tools(agent),
        )
        allow_approvals(agent)
        lifetime = SessionLifetime(agent_name, ttl_of_agent(agent, self.settings.SESSION_TTL_DAYS), self._index)
        entity = create_agent_entity(turns, lifetime, self._approvers)
        register_entity(self, AgentSessionId.to_entity_name(agent_name), entity)


def _keep_urls_out_of_logs() -> None:
    """Keep two libraries from logging each URL they ask: that of a webhook or of an MCP server may be a credential."""
    for library in ("httpx", "httpx2"):
        logging.getLogger(library).setLevel(logging.WARNING)
