"""Signed links: whoever has one may decide on one draft, once, until it expires.

A token is `claims.signature`: the claims as JSON in URL-safe base64, and the HMAC-SHA256 of that text. The signature is
compared as text, so that no second spelling of a token is valid.
"""

import base64
import hashlib
import hmac
import os
import re
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel

from durable_agents.http.links import Links
from durable_agents.settings.groups import ApprovalLinkSettings

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,2000}\.[A-Za-z0-9_-]{43}")
_PURPOSE = b"approval-link:"


class LinkClaims(BaseModel):
    """What a link is about: this request for this very text, addressed to this reviewer, until `expires_at` (UTC).

    Where nobody was named, the reviewer is null: whoever gets the message.
    """

    instance_id: str
    request_id: str
    content_hash: str
    expires_at: datetime
    reviewer: str | None


class ForgedLinkError(Exception):
    """A token that was not signed with one of the keys."""


class NoLinkKeyError(Exception):
    """The key of the links is not known: the settings refer to a key vault that has not given it."""

    def __init__(self, settings: Sequence[str]) -> None:
        super().__init__(
            f"{' and '.join(settings)}: the key vault has not given the key that signs reviewers' links. Azure tries "
            "again within a day, and restarts the app with the key; docs/deployment.md says how to have it at once."
        )


class LinkSigner:
    """Signs links with the current key, and accepts those of the previous one.

    Without a key in the settings, a random one is made when it is first needed, and kept in a file that only this user
    can read, so that links survive a restart.
    """

    def __init__(self, settings: ApprovalLinkSettings, links: Links) -> None:
        self._settings = settings
        self._links = links

    def url(self, claims: LinkClaims) -> str:
        """Return the link for these claims. It is a credential, and stands where browsers send it to no server."""
        return f"{self._links.at('review')}#{self.sign(claims)}"

    def sign(self, claims: LinkClaims) -> str:
        """Return the token for these claims.

        Raises:
            NoLinkKeyError: The key is not known.
            OSError: The file with the key can be neither read nor made.
        """
        self.check()
        text = _encode(claims.model_dump_json().encode())
        return f"{text}.{_signature(self.keys[0], text)}"

    def check(self) -> None:
        """Say whether links can be signed.

        Raises:
            NoLinkKeyError: The key is not known.
        """
        if self._settings.key is None and self._settings.unresolved:
            raise NoLinkKeyError(self._settings.unresolved)

    def read(self, token: str) -> LinkClaims:
        """Return the claims of a token; whether they have expired is for the caller to say.

        Raises:
            ForgedLinkError: It was not signed here, or changed since.
            NoLinkKeyError: It may be signed with a key that is not known.
            OSError: The file with the key can be neither read nor made.
        """
        if _TOKEN.fullmatch(token) is None:
            raise ForgedLinkError("The token does not have the form of one.")
        text, _, signature = token.partition(".")
        # Every key is tried, so that the time taken does not tell which one fits.
        fits = [hmac.compare_digest(_signature(key, text), signature) for key in self.keys]
        if not any(fits) and self._settings.unresolved:
            raise NoLinkKeyError(self._settings.unresolved)
        if not any(fits):
            raise ForgedLinkError("The signature of the token does not fit its claims.")
        return LinkClaims.model_validate_json(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))

    @cached_property
    def keys(self) -> list[bytes]:
        """The current key and, where there is one, the previous, if known; the same on every instance of the app.

        Raises:
            OSError: The file with the key can be neither read nor made.
        """
        stated = [key.encode() for key in (self._settings.key, self._settings.previous_key) if key is not None]
        if self._settings.key is not None or self._settings.unresolved:
            return stated
        return [_key_of_this_machine(self._settings.key_file), *stated]


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _signature(key: bytes, text: str) -> str:
    return _encode(hmac.digest(key, _PURPOSE + text.encode(), hashlib.sha256))


def _key_of_this_machine(file: Path) -> bytes:
    """Return the key in the file, which is made if it is missing; of several processes that make it, one wins."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        # Temporary files have mode 600. A link, unlike a rename, does not replace what another process has just made.
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".", suffix=".tmp") as temporary:
            temporary.write(secrets.token_hex(32).encode())
            temporary.flush()
            os.fsync(temporary.fileno())
            with suppress(FileExistsError):
                os.link(temporary.name, file)
    return file.read_bytes()
