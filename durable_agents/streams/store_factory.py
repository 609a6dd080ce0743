"""Create the stream store that the settings ask for. What a store needs is imported only where it is used."""

import logging
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from durable_agents.streams.store import StreamStore

logger = logging.getLogger(__name__)


def create_stream_store(place: SecretStr | Path | None, expiry_seconds: float) -> StreamStore | None:
    """Return the store: a file in a folder, for a single machine, or the Redis at a URL; None if there is no place.

    Nothing is opened yet: a failure shows at the first answer.
    """
    if place is None:
        logger.info("Streams: none, as STREAM_REDIS_URL is not set. Answers come as a whole.")
        return None
    if isinstance(place, Path):
        from durable_agents.streams.sqlite_store import SqliteStreamStore

        return SqliteStreamStore(place / "streams.db", expiry_seconds)
    from durable_agents.streams.redis_store import RedisStreamStore

    url = place.get_secret_value()
    if not signs_in_with_identity(url):
        return RedisStreamStore(url, expiry_seconds)
    from azure.identity import DefaultAzureCredential

    from durable_agents.streams.redis_identity import EntraCredentialProvider

    return RedisStreamStore(url, expiry_seconds, credentials=EntraCredentialProvider(DefaultAzureCredential()))


def signs_in_with_identity(url: str) -> bool:
    """Say whether a Redis is signed in to with an Entra identity: it is encrypted and the URL has no password."""
    parts = urlsplit(url)
    return parts.scheme == "rediss" and not parts.password
