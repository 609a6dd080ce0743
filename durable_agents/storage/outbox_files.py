"""Files of a folder, written once per key: on this machine, or in Blob Storage."""

from pathlib import Path

from durable_agents.settings.groups import Folder
from durable_agents.storage.once_blobs import BlobCredential, open_blob, upload_once
from durable_agents.storage.once_files import keyed_path, write_once

_CONTENT_TYPES = {".json": "application/json", ".eml": "message/rfc822", ".md": "text/markdown; charset=utf-8"}


def put_once(folder: Folder, key: str, suffix: str, content: bytes, credential: BlobCredential | None = None) -> str:
    """Write `content` to the file of this key, unless there is one already, and return where it is.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the write.
        OSError: The folder cannot be written.
    """
    if isinstance(folder, Path):
        return str(write_once(folder, key, suffix, content))
    name = f"{folder.prefix}{keyed_path(Path(), key, suffix).name}"
    with open_blob(folder.account_url, folder.container, name, credential) as blob:
        return upload_once(blob, content, _CONTENT_TYPES[suffix])
