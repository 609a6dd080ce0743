"""Find the files of a folder that were written in some time: on this machine, or in Blob Storage."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel

from durable_agents.settings.groups import BlobFolder, Folder
from durable_agents.storage.once_blobs import BlobCredential, open_container

_MOST_BYTES = 2_000


class FoundFile(BaseModel):
    """A file: its name, when it was written, and how its text begins."""

    name: str
    written_at: datetime
    begins: str


def find_files(
    folder: Folder, suffix: str, since: datetime, until: datetime, credential: BlobCredential | None = None
) -> list[FoundFile]:
    """Return the files with this suffix that were written from `since` to just before `until`, the oldest first.

    A folder that is missing has none.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the read.
        OSError: The folder or a file of it cannot be read.
    """
    if isinstance(folder, Path):
        return _in_folder(folder, suffix, since, until)
    return _in_container(folder, suffix, since, until, credential)


def _in_folder(folder: Path, suffix: str, since: datetime, until: datetime) -> list[FoundFile]:
    written = [(datetime.fromtimestamp(path.stat().st_mtime, UTC), path) for path in folder.glob(f"[!.]*{suffix}")]
    found = []
    for at, path in sorted(written):
        if since <= at < until:
            with path.open("rb") as file:
                found.append(_file(path.name, at, file.read(_MOST_BYTES)))
    return found


def _in_container(
    folder: BlobFolder, suffix: str, since: datetime, until: datetime, credential: BlobCredential | None
) -> list[FoundFile]:
    from azure.core.exceptions import ResourceNotFoundError

    found = []
    with suppress(ResourceNotFoundError), open_container(folder.account_url, folder.container, credential) as container:
        for blob in container.list_blobs(name_starts_with=folder.prefix):
            name = blob.name.removeprefix(folder.prefix)
            if name.endswith(suffix) and "/" not in name and since <= blob.last_modified < until:
                begins = container.download_blob(blob.name, offset=0, length=_MOST_BYTES).readall()
                found.append(_file(name, blob.last_modified, begins))
    return sorted(found, key=lambda file: (file.written_at, file.name))


def _file(name: str, written_at: datetime, begins: bytes) -> FoundFile:
    # A character may be cut in two at the end.
    return FoundFile(name=name, written_at=written_at, begins=begins.decode(errors="ignore"))
