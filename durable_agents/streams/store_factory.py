"""Create the stream store that the settings ask for. What a store needs is imported only where it is used."""

import logging

from durable_agents.settings.sessions import RedisStreamSettings, SqliteStreamSettings, StreamStoreSettings
from durable_agents.streams.store import StreamStore

logger = logging.getLogger(__name__)


def create_stream_store(settings: StreamStoreSettings | None) -> StreamStore | None:
    """Return the store, or None without settings. Nothing is opened yet: a failure shows at the first answer."""
    match settings:
        case None:
            logger.info("Streams: none, as STREAM_REDIS_URL is not set. Answers come as a whole.")
            return None
        case SqliteStreamSettings():
            from durable_agents.streams.sqlite_store import SqliteStreamStore

            return SqliteStreamStore(settings.directory / "streams.db", settings.expiry_seconds)
        case RedisStreamSettings():
            return _create_redis(settings)


def _create_redis(settings: RedisStreamSettings) -> StreamStore:
    from durable_agents.streams.redis_store import RedisStreamStore

    if not settings.uses_identity:
        return RedisStreamStore(settings.url, settings.expiry_seconds)
    from azure.identity import DefaultAzureCredential

    from durable_agents.streams.redis_identity import EntraCredentialProvider

    credential = DefaultAzureCredential(managed_identity_client_id=settings.managed_identity_client_id)
    return RedisStreamStore(settings.url, settings.expiry_seconds, credentials=EntraCredentialProvider(credential))
