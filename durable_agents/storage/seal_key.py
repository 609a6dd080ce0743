"""The key of the seal where several machines share it: made up once, and kept in Blob Storage.

It needs no key vault, so that all that is sealed works from the first moment of a deployment on.
"""

import logging
import secrets
import time
from threading import Lock

from durable_agents.settings.groups import BlobFolder
from durable_agents.storage.once_blobs import BlobCredential, download, open_blob, upload_once

logger = logging.getLogger(__name__)

_BLOB = "seal.key"
_TRY_AGAIN_SECONDS = 5.0


class StoredKey:
    """The key in a folder, which the first process that looks for it makes; of several at a time, one wins."""

    def __init__(
        self,
        folder: BlobFolder,
        credential: BlobCredential | None = None,
        try_again_seconds: float = _TRY_AGAIN_SECONDS,
    ) -> None:
        self._folder = folder
        self._credential = credential
        self._lock = Lock()
        self._key: bytes | None = None
        self._try_again_seconds = try_again_seconds
        self._tried_at = -try_again_seconds

    def read(self) -> bytes | None:
        """Return the key, the same for every process, or None while it cannot be read, which the log explains.

        It is looked for until it was once found, every five seconds at most.
        """
        from azure.core.exceptions import AzureError

        with self._lock:
            if self._key is None and time.monotonic() - self._tried_at >= self._try_again_seconds:
                try:
                    self._key = self._find()
                except AzureError:
                    self._tried_at = time.monotonic()
                    place = f"container {self._folder.container!r} of {self._folder.account_url}"
                    logger.warning("The key that seals ids cannot be read from %s", place, exc_info=True)
            return self._key

    def _find(self) -> bytes:
        name = f"{self._folder.prefix}{_BLOB}"
        with open_blob(self._folder.account_url, self._folder.container, name, self._credential) as blob:
            found = download(blob, is_hasty=True)
            if found is None:
                upload_once(blob, secrets.token_hex(32).encode(), "text/plain", is_hasty=True)
                found = download(blob, is_hasty=True)
        assert found is not None
        return found
