"""What this deployment is told: what the library reads, and the settings of what is the app's own."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from durable_agents import Folder, HostingSettings, McpServerSettings
from durable_agents.mail import read_mailbox
from durable_agents.settings.fields import HttpsUrl, SecretUrl, WholeNumber, hidden, reveal


@dataclass(frozen=True, slots=True)
class MailSettings:
    """How e-mail leaves the app: by Azure Communication Services with a `service_url`, over SMTP with a `smtp_host`."""

    smtp_host: str | None = None
    smtp_port: int = 587
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sender: str = "agents@example.com"
    use_starttls: bool = True
    service_url: str | None = None


def read_smtp_url(url: str | None, sender: str) -> MailSettings:
    """Return how to send e-mail as this URL says, or without one into the outbox.

    Raises:
        ValueError: The URL has another form.
    """
    if url is None:
        return MailSettings(sender=sender)
    parts = urlsplit(url)
    extra = parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme != "smtp" or not parts.hostname or extra or bool(parts.username) != bool(parts.password):
        raise ValueError("another form")
    username, password = (None if text is None else unquote(text) for text in (parts.username, parts.password))
    return MailSettings(parts.hostname, parts.port or 587, username, password, sender)


def _check_smtp_url(url: str) -> None:
    try:
        read_smtp_url(url, "")
    except ValueError:
        form = (
            "smtp://<host>:587 or smtp://<user name>:<password>@<host>:587, with %40 for an @ in a name or a password"
        )
        raise ValueError(f"is not the URL of a mail server. Expected {form}.") from None


def _check_sender(sender: str) -> str:
    try:
        read_mailbox(sender)
    except ValueError:
        example = "'agents@example.com' or 'Agents <agents@example.com>'"
        raise ValueError(f"is {sender!r}. Expected one e-mail address in ASCII, such as {example}.") from None
    return sender


class Settings(HostingSettings):
    """Everything the app can be told from outside: one field for each environment variable. `repr` shows no secrets."""

    SMTP_URL: Annotated[SecretStr, hidden(_check_smtp_url)] | None = None
    MAIL_SERVICE_URL: HttpsUrl | None = None
    MAIL_SENDER: Annotated[str, AfterValidator(_check_sender)] = "agents@example.com"
    SPAM_CONFIDENCE_THRESHOLD: float = Field(default=0.8, ge=0, le=1)
    MAX_REVISIONS: WholeNumber = Field(default=3, ge=0, le=100)
    MCP_SERVER_URL: SecretUrl | None = None
    MCP_SERVER_TOKEN: SecretStr | None = None

    def broken_rules(self, given: Collection[str]) -> Iterator[tuple[str, str]]:
        """Yield what is wrong between the settings, see `HostingSettings`."""
        yield from super().broken_rules(given)
        if "MAIL_SERVICE_URL" in given and "SMTP_URL" in given:
            yield "MAIL_SERVICE_URL", "is set, and SMTP_URL is too. Mail leaves by one of them: remove the other."
        if "MAIL_SERVICE_URL" in given and "MAIL_SENDER" not in given:
            yield "MAIL_SENDER", "is missing. With MAIL_SERVICE_URL, set it to an address of a domain of that service."
        if "MCP_SERVER_TOKEN" in given and "MCP_SERVER_URL" not in given:
            yield "MCP_SERVER_URL", "is missing, and MCP_SERVER_TOKEN is set. Set both, or remove the token."

    @property
    def mail(self) -> MailSettings:
        """How e-mail leaves the app."""
        return replace(read_smtp_url(reveal(self.SMTP_URL), self.MAIL_SENDER), service_url=self.MAIL_SERVICE_URL)

    @property
    def publishing(self) -> Folder:
        """Where approved content goes."""
        return self.folder("published", self.OUTBOX_DIR / "published")

    @property
    def mcp_server(self) -> McpServerSettings | None:
        """The server of the Librarian's tools, if there is one."""
        url = reveal(self.MCP_SERVER_URL)
        return None if url is None else McpServerSettings(url, reveal(self.MCP_SERVER_TOKEN))
