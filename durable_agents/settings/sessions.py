"""Where sessions and streams are kept, and for how long."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from durable_agents.settings.environment import Environment

_TABLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{2,62}")
_REDIS_URL = re.compile(r"rediss?://[^\s/?#]+[^\s]*")


@dataclass(frozen=True, slots=True)
class SqliteIndexSettings:
    """The index of sessions in a file in `directory`: for a single machine."""

    directory: Path


@dataclass(frozen=True, slots=True)
class TableIndexSettings:
    """The index of sessions in Azure Table Storage, reached with an Entra identity: for any number of machines."""

    account_url: str
    table: str
    managed_identity_client_id: str | None = None


SessionIndexSettings = SqliteIndexSettings | TableIndexSettings


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Which sessions there are, and how long they live.

    Attributes:
        index: Where they are listed.
        ttl: How long a session lives after its last message, or None for ever; an agent may say otherwise.
        sweep_schedule: When those whose time is over are removed: a cron expression with seconds.
    """

    index: SessionIndexSettings
    ttl: timedelta | None = timedelta(days=14)
    sweep_schedule: str = "0 */5 * * * *"


@dataclass(frozen=True, slots=True)
class SqliteStreamSettings:
    """Streams of answers in a file in `directory`: for a single machine. They are kept `expiry_seconds`."""

    directory: Path
    expiry_seconds: float = 3_600.0


@dataclass(frozen=True, slots=True)
class RedisStreamSettings:
    """Streams of answers in Redis, for any number of machines. The URL may hold a password."""

    url: str = field(repr=False)
    expiry_seconds: float = 3_600.0
    managed_identity_client_id: str | None = None

    @property
    def uses_identity(self) -> bool:
        """Whether to sign in with an Entra identity: the connection is encrypted and the URL has no password."""
        parts = urlsplit(self.url)
        return parts.scheme == "rediss" and not parts.password


StreamStoreSettings = SqliteStreamSettings | RedisStreamSettings


def read_sessions(env: Environment) -> SessionSettings:
    return SessionSettings(
        index=_read_session_index(env),
        ttl=env.days("SESSION_TTL_DAYS", default=timedelta(days=14), most=36_500),
        sweep_schedule=env.schedule("SESSION_SWEEP_SCHEDULE", default="0 */5 * * * *"),
    )


def _read_session_index(env: Environment) -> SessionIndexSettings:
    """Return where sessions are listed: in a table, if it is set, else in a file, which no two machines share."""
    url, table = env.https_url("SESSION_TABLE_ACCOUNT_URL"), env.text("SESSION_TABLE") or "sessions"
    if not _TABLE_NAME.fullmatch(table):
        env.problem("SESSION_TABLE", f"is {table!r}. Expected 3 to 63 letters and digits, beginning with a letter.")
    if url is not None:
        return TableIndexSettings(url, table, env.text("AZURE_CLIENT_ID"))
    if env.is_in_azure:
        expected = "the table endpoint of a storage account, https://<account>.table.core.windows.net"
        env.problem("SESSION_TABLE_ACCOUNT_URL", f"is missing. In Azure, set it to {expected}.")
    return SqliteIndexSettings(env.folder("STATE_DIR", default=".agents"))


def read_stream_store(env: Environment) -> StreamStoreSettings | None:
    """Return where streams are kept: in Redis if it is set, else in a file, but nowhere in Azure, which has no disk."""
    url, directory = env.text("STREAM_REDIS_URL"), env.folder("STATE_DIR", default=".agents")
    expiry_seconds = env.number("STREAM_EXPIRY_SECONDS", default=3_600.0, least=1, most=30 * 24 * 3_600)
    if url is None:
        return None if env.is_in_azure else SqliteStreamSettings(directory, expiry_seconds)
    if not _REDIS_URL.fullmatch(url):
        # Its text is kept out of the message: it may hold a password.
        env.problem("STREAM_REDIS_URL", "is not a Redis URL. Expected one like rediss://<host>:10000.")
    return RedisStreamSettings(url, expiry_seconds, env.text("AZURE_CLIENT_ID"))
