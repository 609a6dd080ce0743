"""The function app: Microsoft's `AgentFunctionApp` with sessions, orchestrations, approvals, runs and their routes.

This is the one place where something inside the package's class is replaced: it has no public way to do that. A test
fails when one of the methods that are overridden here changes.
"""

import inspect
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import azure.durable_functions as df
import azure.functions as func
from agent_framework import SupportsAgentRun, Workflow
from agent_framework_azurefunctions import AgentFunctionApp as FrameworkApp
from agent_framework_durabletask import (
    DEFAULT_MAX_POLL_RETRIES,
    DEFAULT_POLL_INTERVAL_SECONDS,
    AgentResponseCallbackProtocol,
    AgentSessionId,
)
from pydantic import BaseModel

from durable_agents.activities.carried import carried, check_keyed
from durable_agents.activities.deliver_webhook import deliver_webhook
from durable_agents.activities.notify_reviewer import notify_reviewer
from durable_agents.activities.record_decision import record_decision
from durable_agents.binding import bind_activity, check_dependencies, in_own_thread, is_bindable, rename_parameter
from durable_agents.http.access import Access, Authorize
from durable_agents.http.links import Links
from durable_agents.http.review_links import LinkSigner
from durable_agents.http.routing import Router
from durable_agents.indexing import durable_names, give_way
from durable_agents.limits import LARGEST_PAYLOAD_BYTES, PurgeSchedules, StreamLimits, TurnLimits
from durable_agents.orchestration.registry import Orchestration, OrchestrationRegistry
from durable_agents.orchestration.tool_approval import ToolApprovalInput, tool_approval, tool_reviewers
from durable_agents.payloads import read_payloads_as_plain_json
from durable_agents.routes.built_in import add_agent_routes, add_health_route, add_run_routes
from durable_agents.routes.health_route import AgentHealth
from durable_agents.routes.mcp_tools import AgentTool
from durable_agents.routes.operator_acts import OperatorActs
from durable_agents.runs.listing import PageTokens
from durable_agents.runs.orchestration_triggers import OrchestrationTriggers
from durable_agents.runs.purge import RunPurge
from durable_agents.runs.run_view import RunView
from durable_agents.runs.schedules import Schedule
from durable_agents.runs.tool_approval_runs import ToolApprovals
from durable_agents.seal import Seal
from durable_agents.sessions.agent_registry import AgentRegistry, host_agent
from durable_agents.sessions.agent_turns import create_turns
from durable_agents.sessions.budget import RunBudget
from durable_agents.sessions.correlation import RunIds
from durable_agents.sessions.entity import create_agent_entity
from durable_agents.sessions.entity_function import register_entity
from durable_agents.sessions.idle_timeout import IdleSessions
from durable_agents.sessions.index_factory import create_session_index
from durable_agents.sessions.lifetime import SessionLifetime, ttl_of_agent
from durable_agents.sessions.update_forwarder import both
from durable_agents.settings.hosting import HostingSettings
from durable_agents.storage.audit_log import AuditLog
from durable_agents.storage.claim_check import ClaimCheck
from durable_agents.storage.seal_key import StoredKey
from durable_agents.streams.store_factory import create_stream_store
from durable_agents.streams.writer import StreamCallback
from durable_agents.threads import size_pool_of_tools
from durable_agents.workflows.codec import use_plain_json
from durable_agents.workflows.graph import graph_orchestration
from durable_agents.workflows.request_policies import RequestPolicies, RequestPolicy
from durable_agents.workflows.validation import agents_of, check_workflows, name_workflows
from durable_agents.workflows.workflow_registry import WorkflowRegistry

# Azure's load balancer drops an HTTP request that has not been answered after 230 seconds.
_LONGEST_WAIT_SECONDS = 230.0


class AgentFunctionApp(FrameworkApp):
    """Hosts agents, orchestrations and graph workflows, with the routes to reach them under `/api`.

    It takes the place of Microsoft's class: its arguments come first, in their order, and mean what they mean there.
    What is added later, by `add_agent` or a decorator, is like what is given here. An orchestration by decorator is a
    run like all others; an HTTP route, an activity or a timer of the app's own is added as in any function app, and
    `add_activity` registers an activity that takes and returns a pydantic model.

    Args:
        agents: The agents that callers can talk to, each with its own endpoint.
        workflow: One graph workflow.
        workflows: Graph workflows: each has an endpoint, its runs are runs like all others.
        http_auth_level: What callers need, where a route does not say otherwise.
        enable_health_check: Whether there is a route that tells that the app is up.
        enable_http_endpoints: Whether agents can be reached over HTTP, where `add_agent` does not say otherwise.
        max_poll_retries: With `poll_interval_seconds`, how long a caller waits for an agent. Left as they are, the
            settings say how long.
        poll_interval_seconds: See `max_poll_retries`.
        enable_mcp_tool_trigger: Whether agents are MCP tools as well, where `add_agent` does not say otherwise.
        default_callback: Is told of the answers of the agents that have no callback of their own.
        settings: What the deployment says; left out, what the environment says.
        orchestrations: What can be started under `/runs`: functions with an `OrchestrationContext`, or `Orchestration`
            for those with more to say.
        request_policies: Who answers what workflows ask humans, and what happens when nobody does, by the class of what
            is asked. What is in none of them waits for anybody, for as long as it takes.
        mcp_tools: The names of the agents that are MCP tools although not all of them are.
        limits: What a turn of an agent may do.
        streaming: How long streams are kept and waited for.
        purges: When ended sessions and old runs are removed.
        authorize: Is asked before each route of the router begins, in the place of `Access.authorize`: whether this
            request may do this, by the name of the action, to this. Whose a session or run is remains as it is.
        largest_payload_bytes: What an input or output may have as JSON in a history. A larger one is kept
            beside it, and a reference that nobody sees is in its place; None for no limit.

    Raises:
        SettingsError: The settings are left out, and the environment lacks some.
        ValueError: The workflows cannot be hosted, see `check_workflows`, a name is impossible or taken, or a policy is
            for nothing that is asked.
    """

    # What plays orchestrations without a host has others.
    _triggers_of = OrchestrationTriggers

    def __init__(
        self,
        agents: Sequence[SupportsAgentRun] | None = None,
        workflow: Workflow | None = None,
        workflows: Sequence[Workflow] | Mapping[str, Workflow] | None = None,
        http_auth_level: func.AuthLevel = func.AuthLevel.FUNCTION,
        enable_health_check: bool = True,
        enable_http_endpoints: bool = True,
        max_poll_retries: int = DEFAULT_MAX_POLL_RETRIES,
        poll_interval_seconds: float = DEFAULT_POLL_INTERVAL_SECONDS,
        enable_mcp_tool_trigger: bool = False,
        default_callback: AgentResponseCallbackProtocol | None = None,
        *,
        settings: HostingSettings | None = None,
        orchestrations: Iterable[Orchestration | Callable[..., Any]] = (),
        request_policies: Iterable[Mapping[type, RequestPolicy]] = (),
        mcp_tools: Iterable[str] = (),
        limits: TurnLimits | None = None,
        streaming: StreamLimits | None = None,
        purges: PurgeSchedules | None = None,
        authorize: Authorize | None = None,
        largest_payload_bytes: int | None = LARGEST_PAYLOAD_BYTES,
    ) -> None:
        _keep_requests_out_of_logs()
        size_pool_of_tools()
        read_payloads_as_plain_json()
        self.settings = settings = settings or HostingSettings.from_environ(os.environ)
        agents, graphs = list(agents or ()), self._collect_workflows(workflow, _as_microsoft_has_them(workflows))
        name_workflows(graphs)
        check_workflows(graphs, [str(agent.name) for agent in agents])
        self._policies = RequestPolicies(*request_policies)
        self._policies.check(graphs)
        for graph in graphs:
            use_plain_json(graph)
        self.links = Links(settings.host.route_prefix, settings.PUBLIC_BASE_URL, settings.host.own_url)
        self._limits = limits or TurnLimits()
        self._turn_budget = RunBudget(max_seconds=settings.host.turn_seconds(self._limits.turn_seconds))
        self._streaming = streaming or StreamLimits()
        self.access = Access.of(settings)
        self._audit = AuditLog(settings.audit)
        acts = OperatorActs(self._audit, self.access)
        self.router = Router(self, authorize or self.access.authorize, acts.recorded)
        self._signer = LinkSigner(settings.approval_links, self.links)
        seal = self._seal = self._create_seal()
        self._run_ids = RunIds(seal)
        self._claims = ClaimCheck(settings.payloads, seal, largest_payload_bytes)
        self._index = create_session_index(settings.session_index)
        self._streams = create_stream_store(settings.stream_store, self._streaming.expiry_seconds)
        self._shown = None if self._streams is None else StreamCallback(self._streams)
        self._wait_seconds = settings.AGENT_WAIT_SECONDS
        if (max_poll_retries, poll_interval_seconds) != (DEFAULT_MAX_POLL_RETRIES, DEFAULT_POLL_INTERVAL_SECONDS):
            self._wait_seconds = min(max_poll_retries * poll_interval_seconds, _LONGEST_WAIT_SECONDS)
        asking = Orchestration(
            tool_approval, ToolApprovalInput, fixed=tool_reviewers(settings.review), is_internal=True
        )
        self._approvers = ToolApprovals(asking)
        self._mcp_tools, self._has_agent_routes = list(mcp_tools), False
        # Those that callers reach by HTTP, all that are no part of a workflow, and all by the names of their entities.
        self._reachable, self._hosted, self._by_entity = AgentRegistry(), AgentRegistry(), dict[str, str]()
        # Before the package's own __init__, which registers the agents.
        super().__init__(
            agents=agents,
            workflows=graphs,
            http_auth_level=http_auth_level,
            enable_health_check=enable_health_check,
            enable_http_endpoints=enable_http_endpoints,
            max_poll_retries=max_poll_retries,
            poll_interval_seconds=poll_interval_seconds,
            enable_mcp_tool_trigger=enable_mcp_tool_trigger,
            default_callback=default_callback,
        )
        for name in self._mcp_tools:
            self._hosted.find(name)
        given = (one if isinstance(one, Orchestration) else Orchestration(one) for one in orchestrations)
        hosted = (graph_orchestration(graph, self._policies) for graph in graphs)
        self.orchestrations = OrchestrationRegistry([*given, asking, *hosted])
        self._triggers = self._triggers_of(
            self.orchestrations, self.get_agent, self._claims, self._limits.tool_result_bytes
        )
        for orchestration in self.orchestrations:
            self._triggers.add(orchestration, cast(Any, super()).orchestration_trigger)
        self.add_activity(
            notify_reviewer,
            review=settings.review,
            outbox_dir=settings.outbox_dir,
            drafts=settings.drafts,
            signer=self._signer,
        )
        self.add_activity(deliver_webhook, webhooks=settings.completion_webhooks)
        self.add_activity(record_decision, log=self._audit)
        self._add_routes(purges or PurgeSchedules())
        self._own = list(self._builders)

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

    def _create_seal(self) -> Seal:
        """Return what tells what this app has handed out; what was sealed with a key of the links stays valid."""
        if self.settings.seal_key is None:
            return Seal(lambda: self._signer.keys)
        stored = StoredKey(self.settings.seal_key)
        return Seal(lambda: [stored.read(), *self._signer.keys])

    def add_activity(
        self, function: Callable[..., BaseModel | Awaitable[BaseModel]], *, once: bool = False, **dependencies: Any
    ) -> None:
        """Register an activity under its own name; `dependencies` fill its keyword-only parameters.

        With `once`, its input is a `Keyed`, and it acts once for a key: executed again after it has finished, be it by
        a crash or another call, it returns its first result and does nothing. While it is at work, another execution
        under the key waits for it. A failure is not kept, and a crash between effect and result repeats the effect.

        Raises:
            TypeError: The function or its dependencies do not fit, see `bind_activity`; or it has no key.
        """
        if once:
            check_keyed(function)
        activity = bind_activity(function, **dependencies)
        (parameter,) = (name for name in activity.__annotations__ if name != "return")
        self._claims.add_reader("activity", activity.__name__)
        activity = carried(activity, self._claims, once=once)
        if inspect.iscoroutinefunction(function):
            activity = in_own_thread(activity)
        self.activity_trigger(input_name=parameter)(activity)

    def add_schedule(self, orchestration: Orchestration | Callable[..., Any], hours: Iterable[int]) -> None:
        """Have a run of an orchestration start at these hours of each day, in UTC: one, however many hosts there are.

        Its id is made of the slot, as `digest-2026-11-28T09`. What was missed while no host ran becomes one run, at the
        start of a host that keeps schedules, as Azure's does, else at the next hour; it is about all that time.

        Raises:
            ValueError: The orchestration is none of this app's, its input does not derive from `Slot` or needs more, or
                an hour is not possible.
        """
        name = orchestration.name if isinstance(orchestration, Orchestration) else orchestration.__name__
        listed = self.orchestrations.find(name)
        if listed is None or orchestration not in (listed, listed.function):
            raise ValueError(f"The app has no orchestration {name!r}. List it in `orchestrations=` as well.")
        schedule = Schedule(listed, tuple(hours))
        self._add_timer(schedule.cron, schedule.timer_function())

    def add_entity(self, function: Callable[..., None], **dependencies: Any) -> None:
        """Register an entity under the name of its function, which takes a `DurableEntityContext`.

        `dependencies` fill its keyword-only parameters. It runs in a thread of a pool of its own, where it may wait for
        a model without holding up anything else.

        Raises:
            TypeError: A dependency is missing or unknown.
        """
        check_dependencies(function, dependencies)
        register_entity(self, function.__name__, lambda context, hub: function(context, **dependencies), self._claims)

    def add_agent(
        self,
        agent: SupportsAgentRun,
        callback: AgentResponseCallbackProtocol | None = None,
        enable_http_endpoint: bool | None = None,
        enable_mcp_tool_trigger: bool | None = None,
        *,
        entity_id: str | None = None,
    ) -> None:
        """Add an agent; whatever lists agents sees it as those given at the start.

        Raises:
            ValueError: It has no name, or an impossible one.
        """
        if entity_id is not None:
            # One inside a workflow: its session belongs to a run, and nobody else is to talk in it.
            super().add_agent(agent, callback, False, False, entity_id=entity_id)
            return
        name = str(agent.name)
        if agent.name and name not in self._hosted.names:
            self._hosted.add(host_agent(name, agent, self._turn_budget))
            if enable_mcp_tool_trigger is None and name in self._mcp_tools:
                enable_mcp_tool_trigger = True
        super().add_agent(agent, callback, enable_http_endpoint, enable_mcp_tool_trigger)

    def activity_trigger(self, input_name: str, activity: str | None = None) -> Callable[..., Any]:
        """Register an activity, as the SDK has it; `data` or `order_line` may name its parameter."""
        register = cast(Any, super()).activity_trigger
        if is_bindable(input_name):
            return cast(Callable[..., Any], register(input_name, activity))
        bound = "payload"

        def decorate(function: Any) -> Any:
            # What is no plain function has bindings already, and its parameters are theirs.
            is_plain = inspect.isfunction(function)
            return register(bound, activity)(rename_parameter(function, input_name, bound) if is_plain else function)

        return decorate

    def orchestration_trigger(
        self, context_name: str, orchestration: str | None = None, input_type: type | None = None
    ) -> Callable[..., Any]:
        """Register an orchestration, as the SDK has it; it is one of `orchestrations`, and its runs are runs."""
        register = cast(Any, super()).orchestration_trigger(context_name, orchestration, input_type)

        def decorate(function: Any) -> Any:
            builder = register(function)
            self._triggers.join(builder)
            return builder

        return decorate

    def get_functions(self) -> list[Any]:
        """Return the functions of the app to the worker that asks for them, once, when it starts.

        Raises:
            DeterminismError: An orchestration may do something else when it is replayed.
        """
        for builder in self._builders:
            # Those of a blueprint, and those that were given another name after their trigger.
            self._triggers.join(builder)
        give_way(self._own, self._builders, (notify_reviewer, deliver_webhook, record_decision))
        functions: list[Any] = cast(Any, super()).get_functions()
        self._triggers.check(functions, durable_names(self._builders), self._agent_metadata)
        return functions

    @property
    def _builders(self) -> list[Any]:
        """What has been registered so far. The SDK has no public name for it."""
        builders: list[Any] = cast(Any, self)._function_builders
        return builders

    def _add_routes(self, purges: PurgeSchedules) -> None:
        settings, orchestrations = self.settings, self.orchestrations
        keeps = settings.RUN_RETENTION_DAYS
        purge = RunPurge(orchestrations, self._by_entity, settings.drafts, self._claims, keeps)
        add_run_routes(
            self.router,
            settings,
            orchestrations,
            WorkflowRegistry(self.workflows.values(), orchestrations, self._policies),
            self._reachable,
            access=self.access,
            links=self.links,
            signer=self._signer,
            tokens=PageTokens(self._seal),
            view=RunView(self._by_entity, self.links, self._claims),
            purge=purge,
            run_ids=self._run_ids,
            audit=self._audit,
        )
        self._add_timer(purges.sessions, IdleSessions(self._by_entity.values(), self._index).purge_idle_sessions)
        self._add_timer(purges.runs, purge.purge_ended_runs)
        self._add_timer(purges.payloads, purge.purge_lost_payloads)
        if self.enable_http_endpoints:
            self._add_agent_routes()
        if self.enable_health_check:
            add_health_route(self.router, self.links, self._describe_agents, settings.model, self._signer)

    def _add_agent_routes(self) -> None:
        """Register the routes of agents, once: one route is for all of them."""
        if not self._has_agent_routes:
            self._has_agent_routes = True
            add_agent_routes(
                self.router,
                self._reachable,
                access=self.access,
                links=self.links,
                run_ids=self._run_ids,
                index=self._index,
                streams=self._streams,
                wait_seconds=self._wait_seconds,
                stream_wait_seconds=self._streaming.wait_seconds,
            )

    def _describe_agents(self) -> list[AgentHealth]:
        return [
            AgentHealth(
                name=name,
                type=type(self._agent_metadata[name].agent).__name__,
                http_endpoint_enabled=self._agent_metadata[name].http_endpoint_enabled,
                mcp_tool_enabled=self._agent_metadata[name].mcp_tool_enabled,
            )
            for name in self._hosted.names
        ]

    def _add_timer(self, schedule: str, handler: Callable[..., Any]) -> None:
        """Register an async function that a timer calls, with a cron expression that has seconds."""
        # AgentFunctionApp declares only a part of what it inherits.
        app = cast(df.DFApp, self)
        function = app.durable_client_input(client_name="client")(handler)
        app.timer_trigger(arg_name="timer", schedule=schedule)(function)

    def _setup_http_run_route(self, agent_name: str) -> None:
        """Let callers reach the agent over HTTP."""
        self._reachable.add(self._hosted.find(agent_name))
        self._add_agent_routes()

    def _setup_mcp_tool_trigger(self, agent_name: str, agent_description: str | None) -> None:
        """Make the agent an MCP tool."""
        AgentTool(self._hosted.find(agent_name), self._run_ids, self._wait_seconds).register(self)

    def _setup_health_route(self) -> None:
        """Register nothing: the route is registered with all others."""

    def _setup_workflow_orchestration(self, workflow: Workflow) -> None:
        """Register nothing: the orchestration is registered with all others."""

    def _register_workflow_routes(self, workflow: Workflow) -> None:
        """Register nothing: `durable_agents.routes.workflow_routes` has truthful routes at the same URLs."""

    def _setup_agent_entity(
        self, agent: SupportsAgentRun, agent_name: str, callback: AgentResponseCallbackProtocol | None
    ) -> None:
        self._by_entity[AgentSessionId.to_entity_name(agent_name).lower()] = agent_name
        turns = create_turns(agent, agent_name, self._limits, self._turn_budget, both(self._shown, callback))
        lifetime = SessionLifetime(agent_name, ttl_of_agent(agent, self.settings.SESSION_TTL_DAYS), self._index)
        entity = create_agent_entity(turns, lifetime, self._approvers, self._run_ids)
        register_entity(self, AgentSessionId.to_entity_name(agent_name), entity, self._claims)


def _as_microsoft_has_them(
    workflows: Sequence[Workflow] | Mapping[str, Workflow] | None,
) -> list[Workflow] | Mapping[str, Workflow] | None:
    return workflows if workflows is None or isinstance(workflows, Mapping) else list(workflows)


def _keep_requests_out_of_logs() -> None:
    """Keep libraries from logging each request: a URL may be a credential, and telemetry must not tell of its own way.

    What sends the log would otherwise log that it did, and send that, for as long as the app is there.
    """
    for library in ("httpx", "httpx2", "azure.core.pipeline", "azure.identity", "azure.monitor.opentelemetry"):
        logging.getLogger(library).setLevel(logging.WARNING)
