"""Sign in to Azure Managed Redis with an Entra identity instead of a password."""

import base64
import json
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from redis.credentials import CredentialProvider

from durable_agents.threads import in_store_thread

SCOPE = "https://redis.azure.com/.default"
# A token is valid for an hour or more. Renewed this early, one that is used is never about to expire.
_EARLY_SECONDS = 300


class Token(Protocol):
    """What is used of azure-core's `AccessToken`."""

    @property
    def token(self) -> str: ...

    @property
    def expires_on(self) -> int: ...


class TokenCredential(Protocol):
    """What is used of a synchronous credential of azure-identity."""

    def get_token(self, *scopes: str) -> Token:
        """Return an access token for these scopes."""
        ...


class EntraCredentialProvider(CredentialProvider):
    """Gives each new connection the name of the identity, its object id, and a token that is valid for a while.

    Redis closes or refuses a connection whose token has expired; the client then opens another, with a new token. May
    be used from any thread and event loop.
    """

    def __init__(self, credential: TokenCredential, now: Callable[[], float] = time.time) -> None:
        self._credential = credential
        self._now = now
        self._lock = threading.Lock()
        self._token: Token | None = None

    def get_credentials(self) -> tuple[str, str]:
        """Return user name and password.

        Raises:
            ClientAuthenticationError: There is no identity, or it gets no token.
            ValueError: The token names no identity.
        """
        with self._lock:
            if self._token is None or self._now() > self._token.expires_on - _EARLY_SECONDS:
                self._token = self._credential.get_token(SCOPE)
            return _object_id(self._token.token), self._token.token

    async def get_credentials_async(self) -> tuple[str, str]:
        """Return user name and password; the loop goes on while a token is fetched. See `get_credentials`."""
        return await in_store_thread(self.get_credentials)


def _object_id(token: str) -> str:
    """Return the claim `oid`. The token is not verified here: it came from Entra, and Redis verifies it."""
    try:
        payload = token.split(".")[1]
        claims: Any = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["oid"])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            "The Entra token for Redis has no object id (claim 'oid'), which Redis takes as the user name. "
            "Sign in with a user, a managed identity or a service principal, or put a password into STREAM_REDIS_URL."
        ) from error
