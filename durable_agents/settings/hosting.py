"""What the library is told by the deployment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from durable_agents.settings.agents import AgentSettings, read_agents
from durable_agents.settings.environment import Environment
from durable_agents.settings.model import ModelSettings, read_model
from durable_agents.settings.outbox import Outbox, read_outbox
from durable_agents.settings.review import (
    ApprovalLinkSettings,
    DraftSettings,
    ReviewSettings,
    read_approval_links,
    read_drafts,
    read_publishing,
    read_review,
)
from durable_agents.settings.runs import CompletionWebhookSettings, RunSettings, read_completion_webhooks
from durable_agents.settings.sessions import SessionSettings, StreamStoreSettings, read_sessions, read_stream_store


class SettingsError(ValueError):
    """The environment does not configure the app; the message lists every problem, one per line."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"- {problem}" for problem in problems)
        super().__init__(
            f"The app cannot start with these settings:\n{lines}\n"
            "Settings come from local.settings.json on this machine (copy local.settings.json.example and fill it in) "
            "and from the app settings of the function app in Azure."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HostingSettings:
    """What the library is told, checked. `repr` shows no secrets.

    `trusts_app_service` says that App Service authentication is on: only then nobody else can send its headers.
    """

    model: ModelSettings
    review: ReviewSettings
    approval_links: ApprovalLinkSettings
    drafts: DraftSettings
    trusts_app_service: bool
    agents: AgentSettings
    sessions: SessionSettings
    outbox_dir: Outbox
    agent_wait_seconds: float
    stream_store: StreamStoreSettings | None
    stream_wait_seconds: float
    runs: RunSettings
    completion_webhooks: CompletionWebhookSettings

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Build the settings from environment variables; relative folders are resolved now.

        Raises:
            SettingsError: Something is missing or invalid. The message names every such setting and its fix.
        """
        env = Environment(environ)
        settings = cls(**cls.read(env))
        if env.problems:
            raise SettingsError(env.problems)
        return settings

    @classmethod
    def read(cls, env: Environment) -> dict[str, Any]:
        """Return the fields; what is wrong is in `env.problems`."""
        return {
            "model": read_model(env),
            "review": read_review(env),
            "approval_links": read_approval_links(env),
            "drafts": read_drafts(env, read_publishing(env)),
            "trusts_app_service": env.flag("APP_SERVICE_AUTHENTICATION", default=False),
            "agents": read_agents(env),
            "sessions": read_sessions(env),
            "outbox_dir": read_outbox(env),
            # Azure's load balancer drops an HTTP request that has not been answered after 230 seconds.
            "agent_wait_seconds": env.number("AGENT_WAIT_SECONDS", default=30.0, least=0, most=230),
            "stream_store": read_stream_store(env),
            "stream_wait_seconds": env.number("STREAM_WAIT_SECONDS", default=15.0, least=0, most=230),
            "runs": RunSettings(
                retention=env.days("RUN_RETENTION_DAYS", default=timedelta(days=30), most=36_500),
                sweep_schedule=env.schedule("RUN_SWEEP_SCHEDULE", default="0 */15 * * * *"),
            ),
            "completion_webhooks": read_completion_webhooks(env),
        }
