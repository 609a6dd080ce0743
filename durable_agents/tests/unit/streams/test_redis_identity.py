import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from redis.asyncio import Redis

from durable_agents.streams.redis_identity import SCOPE, EntraCredentialProvider
from durable_agents.streams.redis_store import RedisStreamStore
from durable_agents.streams.store import StreamId
from durable_agents.tests.support.redis_server import PASSWORD, RedisServer


@dataclass(frozen=True)
class AccessToken:
    token: str
    expires_on: int


def token_of(claims: Any) -> str:
    """Return an unsigned token with these claims, as Entra writes them."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "x"}, claims)
    ]
    return ".".join([*parts, "signature"])


class Credential:
    """Hands out tokens that are valid for an hour, each another."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self.asked: list[tuple[str, ...]] = []

    def get_token(self, *scopes: str) -> AccessToken:
        time.sleep(0.01)
        self.asked.append(scopes)
        claims = {"oid": "11111111-2222-3333-4444-555555555555", "number": len(self.asked), "name": "Zoë"}
        return AccessToken(token_of(claims), int(self.now) + 3600)


async def test_the_object_id_is_the_user_name_and_the_token_the_password() -> None:
    credential = Credential()
    user, password = await EntraCredentialProvider(credential, now=lambda: credential.now).get_credentials_async()
    assert user == "11111111-2222-3333-4444-555555555555"
    assert password.count(".") == 2
    assert credential.asked == [(SCOPE,)]


async def test_a_connection_whose_token_has_expired_is_opened_again_with_another(redis: RedisServer) -> None:
    credential = Credential()
    provider = EntraCredentialProvider(credential, now=lambda: credential.now)
    store = RedisStreamStore(redis.url.replace(f":{PASSWORD}@", ""), 60, credentials=provider)
    stream = StreamId("Writer", "s1", "a" * 40)
    async with Redis.from_url(redis.url) as connection:
        admin: Any = connection  # redis-py has no types for a command given as words
        for lifetime in (0, 3_600):
            credential.now = lifetime
            user, token = provider.get_credentials()
            await admin.execute_command("ACL", "SETUSER", user, "reset", "on", f">{token}", "~*", "+@all")
            await store.begin(stream)
            # What Azure does when the token of a connection expires.
            await admin.execute_command("CLIENT", "KILL", "USER", user)
            await admin.execute_command("ACL", "DELUSER", user)
    await store.close()
    assert len(credential.asked) == 2


def test_a_token_is_used_until_shortly_before_it_expires() -> None:
    credential = Credential()
    provider = EntraCredentialProvider(credential, now=lambda: credential.now)
    first = provider.get_credentials()
    credential.now = 3_200
    assert provider.get_credentials() == first
    credential.now = 3_400
    assert provider.get_credentials() != first
    assert len(credential.asked) == 2


def test_connections_that_open_together_share_a_token() -> None:
    credential = Credential()
    provider = EntraCredentialProvider(credential, now=lambda: credential.now)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: provider.get_credentials(), range(16)))) == 1
    assert len(credential.asked) == 1


@pytest.mark.parametrize("token", ["opaque", "a.b.c", token_of({"sub": "x"}), token_of([]), "a.!.c"])
def test_a_token_without_an_identity_says_what_to_do(token: str) -> None:
    class Odd:
        def get_token(self, *scopes: str) -> AccessToken:
            return AccessToken(token, 3600)

    with pytest.raises(ValueError, match="STREAM_REDIS_URL") as caught:
        EntraCredentialProvider(Odd(), now=lambda: 0).get_credentials()
    assert token not in str(caught.value)
