"""What this deployment is told: what the library reads, and the settings of what is the app's own."""

from dataclasses import dataclass
from typing import Any

from durable_agents.settings.agents import McpServerSettings, read_mcp_server
from durable_agents.settings.environment import Environment
from durable_agents.settings.hosting import HostingSettings
from durable_agents.settings.mail import MailSettings, read_mail
from durable_agents.settings.review import PublishingSettings, read_publishing
from durable_agents.settings.runs import TriageSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(HostingSettings):
    """Everything the app can be told from outside, checked. `repr` shows no secrets."""

    mail: MailSettings
    publishing: PublishingSettings
    triage: TriageSettings
    mcp_server: McpServerSettings | None

    @classmethod
    def read(cls, env: Environment) -> dict[str, Any]:
        """Return the fields; what is wrong is in `env.problems`."""
        return {
            **HostingSettings.read(env),
            "mail": read_mail(env),
            "publishing": read_publishing(env),
            "triage": TriageSettings(env.number("SPAM_CONFIDENCE_THRESHOLD", default=0.8, least=0, most=1)),
            "mcp_server": read_mcp_server(env),
        }
