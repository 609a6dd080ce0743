"""How e-mail leaves the app."""

from dataclasses import dataclass, field

from durable_agents.characters.mail_headers import read_mailbox
from durable_agents.settings.environment import Environment


@dataclass(frozen=True, slots=True)
class MailSettings:
    """How e-mail leaves the app: over SMTP when `smtp_host` is set, else into the outbox."""

    smtp_host: str | None = None
    smtp_port: int = 587
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sender: str = "agents@example.com"
    use_starttls: bool = True


def read_mail(env: Environment) -> MailSettings:
    username, password = env.text("SMTP_USERNAME"), env.text("SMTP_PASSWORD")
    if (username is None) != (password is None):
        missing = "SMTP_USERNAME" if username is None else "SMTP_PASSWORD"
        env.problem(missing, "is missing. Set both SMTP_USERNAME and SMTP_PASSWORD, or neither.")
    sender = env.text("MAIL_SENDER") or "agents@example.com"
    try:
        read_mailbox(sender)
    except ValueError:
        example = "'agents@example.com' or 'Agents <agents@example.com>'"
        env.problem("MAIL_SENDER", f"is {sender!r}. Expected one e-mail address in ASCII, such as {example}.")
    return MailSettings(
        smtp_host=env.text("SMTP_HOST"),
        smtp_port=env.integer("SMTP_PORT", default=587, least=1, most=65535),
        username=username,
        password=password,
        sender=sender,
        use_starttls=env.flag("SMTP_STARTTLS", default=True),
    )
