"""Files of a folder, written once per key: on this machine, or in Blob Storage."""

import re
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from durable_agents.settings.groups import Folder
from durable_agents.storage.once_blobs import (
    BlobCredential,
    delete_blobs,
    download,
    open_blob,
    open_container,
    upload_once,
)
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


def read_file(folder: Folder, key: str, suffix: str, credential: BlobCredential | None = None) -> bytes | None:
    """Return what the file of this key holds, or None if there is no such file.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the read.
        OSError: The folder cannot be read.
    """
    path = keyed_path(folder if isinstance(folder, Path) else Path(), key, suffix)
    if isinstance(folder, Path):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
    with open_blob(folder.account_url, folder.container, f"{folder.prefix}{path.name}", credential) as blob:
        return download(blob)


def find_folders(folder: Folder, until: datetime, credential: BlobCredential | None = None) -> list[str]:
    """Return the names of the folders in this one with nothing that was written from `until` on, in their order.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the read.
        OSError: The folder cannot be read.
    """
    newest: dict[str, datetime] = {}
    if isinstance(folder, Path):
        for path in folder.glob("*/**"):
            written = max(datetime.fromtimestamp(one.stat().st_mtime, UTC) for one in (path, *path.iterdir()))
            name = path.relative_to(folder).parts[0]
            newest[name] = max(written, newest.get(name, written))
    else:
        with open_container(folder.account_url, folder.container, credential) as container:
            for blob in container.list_blobs(name_starts_with=folder.prefix):
                name, separator, _ = blob.name.removeprefix(folder.prefix).partition("/")
                if separator:
                    newest[name] = max(blob.last_modified, newest.get(name, blob.last_modified))
    return sorted(name for name, written in newest.items() if written < until)


def remove_folder(folder: Folder, credential: BlobCredential | None = None) -> None:
    """Remove a folder with all that is in it, if it is there. Of Blob Storage it must be a part of a container.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused it.
        OSError: The folder cannot be removed.
    """
    if isinstance(folder, Path):
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
        return
    assert folder.prefix
    with open_container(folder.account_url, folder.container, credential) as container:
        delete_blobs(container, folder.prefix, re.compile(rf"{re.escape(folder.prefix)}.+", re.DOTALL))
