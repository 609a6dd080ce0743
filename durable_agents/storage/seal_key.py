"""The key of the seal where several machines share it: made up once, and kept in Blob Storage.

It needs no key vault, so that all that is sealed works from the first moment of a deployment on.
"""

import secrets
from threading import Lock

from durable_agents.seal import NoSealKeyError
from durable_agents.settings.groups import BlobFolder
from durable_agents.storage.once_blobs import BlobCredential, download, open_blob, upload_once

_BLOB = "seal.key"


class StoredKey:
    """The key in a folder, which the first process that looks for it makes; of several at a time, one wins."""

    def __init__(self, folder: BlobFolder, credential: BlobCredential | None = None) -> None:
        self._folder = folder
        self._credential = credential
        self._lock = Lock()
        self._key: bytes | None = None

    def read(self) -> bytes:
        """Return the key, the same for every process; it is looked for until it was once found.

        Raises:
            NoSealKeyError: Blob Storage cannot be reached or refused it.
        """
        from azure.core.exceptions import AzureError

        with self._lock:
            if self._key is None:
                try:
                    self._key = self._find()
                except AzureError as error:
                    raise NoSealKeyError(
                        f"The key of what this app hands out cannot be read: container {self._folder.container!r} of "
                        f"{self._folder.account_url} does not give it. Check BLOB_ACCOUNT_URL and the app's role on it."
                    ) from error
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
