"""Read every setting of the app once, at start-up, into frozen typed groups.

`Settings.from_environ`, with `setting_groups/`, is all of the app that knows the names of environment variables. It
reads all of them before it complains, so that one start shows everything there is to fix. An empty variable counts as
not set.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from durable_agents.settings.agents import AgentSettings, McpServerSettings, read_agents, read_mcp_server
from durable_agents.settings.environment import Environment
from durable_agents.settings.mail import MailSettings, read_mail
from durable_agents.settings.model import ModelSettings, read_model
from durable_agents.settings.outbox import Outbox, read_outbox
from durable_agents.settings.review import (
    ApprovalLinkSettings,
    DraftSettings,
    PublishingSettings,
    ReviewSettings,
    read_approval_links,
    read_drafts,
    read_publishing,
    read_review,
)
from durable_agents.settings.runs import (
    CompletionWebhookSettings,
    RunSettings,
    TriageSettings,
    read_completion_webhooks,
)
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


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the app can be told from outside, checked. `repr` shows no secrets.

    `trusts_app_service` says that App Service authentication is on: only then nobody else can send its headers.
    """

    model: ModelSettings
    mail: MailSettings
    review: ReviewSettings
    approval_links: ApprovalLinkSettings
    drafts: DraftSettings
    trusts_app_service: bool
    publishing: PublishingSettings
    triage: TriageSettings
    agents: AgentSettings
    sessions: SessionSettings
    mcp_server: McpServerSettings | None
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
        publishing = read_publishing(env)
        settings = cls(
            model=read_model(env),
            mail=read_mail(env),
            review=read_review(env),
            approval_links=read_approval_links(env),
            drafts=read_drafts(env, publishing),
            trusts_app_service=env.flag("APP_SERVICE_AUTHENTICATION", default=False),
            publishing=publishing,
            triage=TriageSettings(env.number("SPAM_CONFIDENCE_THRESHOLD", default=0.8, least=0, most=1)),
            agents=read_agents(env),
            sessions=read_sessions(env),
            mcp_server=read_mcp_server(env),
            outbox_dir=read_outbox(env),
            # Azure's load balancer drops an HTTP request that has not been answered after 230 seconds.
            agent_wait_seconds=env.number("AGENT_WAIT_SECONDS", default=30.0, least=0, most=230),
            stream_store=read_stream_store(env),
            stream_wait_seconds=env.number("STREAM_WAIT_SECONDS", default=15.0, least=0, most=230),
            runs=RunSettings(
                retention=env.days("RUN_RETENTION_DAYS", default=timedelta(days=30), most=36_500),
                sweep_schedule=env.schedule("RUN_SWEEP_SCHEDULE", default="0 */15 * * * *"),
            ),
            completion_webhooks=read_completion_webhooks(env),
        )
        if env.problems:
            raise SettingsError(env.problems)
        return settings
