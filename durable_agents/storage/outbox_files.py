"""Files of the outbox, written once per key: on this machine, or in Blob Storage."""

from pathlib import Path

from durable_agents.settings.outbox import Outbox
from durable_agents.storage.once_blobs import BlobCredential, open_blob, upload_once
from durable_agents.storage.once_files import keyed_path, write_once

_CONTENT_TYPES = {".json": "application/json", ".eml": "message/rfc822"}


def put_once(outbox: Outbox, key: str, suffix: str, content: bytes, credential: BlobCredential | None = None) -> str:
    """Write `content` to the file of this key, unless there is one already, and return where it is.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the write.
        OSError: The folder cannot be written.
    """
    if isinstance(outbox, Path):
        return str(write_once(outbox, key, suffix, content))
    name = f"{outbox.prefix}{keyed_path(Path(), key, suffix).name}"
    client_id = outbox.managed_identity_client_id
    with open_blob(outbox.account_url, outbox.container, name, client_id=client_id, credential=credential) as blob:
        return upload_once(blob, content, _CONTENT_TYPES[suffix])
