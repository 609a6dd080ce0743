"""The files of an audit log, in a folder of this machine or as append blobs: written at their end, never elsewhere."""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from durable_agents.settings.groups import BlobFolder, Folder
from durable_agents.storage.once_blobs import BlobCredential, open_container
from durable_agents.storage.once_results import locked_file

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

SUFFIX = ".jsonl"

_NAME = re.compile(r"[0-9]{6}(-[0-9]{4}-[0-9]{2}-[0-9]{2})?\.jsonl")
_TAIL_BYTES = 262_144
# Whoever waits for it tries again, and knows how long.
_TIMES = {"connection_timeout": 5, "read_timeout": 20}


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a file: whole lines, as many as fit into a quarter of a megabyte.

    Attributes:
        content: These lines.
        length: Of the whole file, in bytes.
        appends: How often a blob was appended to; a file has no limit.
    """

    content: bytes = b""
    length: int = 0
    appends: int = 0


class AuditFiles(Protocol):
    """Where an audit log is kept. All raise OSError or azure.core.exceptions.AzureError where that does not answer."""

    def names(self) -> list[str]:
        """Return the names of the files, in the order in which they follow each other."""
        ...

    def tail(self, name: str) -> Tail:
        """Return the end of a file; one that is missing is empty."""
        ...

    def append(self, name: str, length: int, line: bytes) -> bool:
        """Append the line if the file has this length and no other, as a whole or not at all; say whether it is done.

        Of several at a time, in whatever process, one succeeds. A file that is missing has the length 0.
        """
        ...

    def read(self, name: str) -> bytes:
        """Return a file whole."""
        ...


class LocalAuditFiles:
    """The log in a folder of this machine. A line is on the disk when it is told as appended.

    A process that dies while it writes may leave a part of a line, which nobody was told of: the next one removes it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """See `AuditFiles`."""
        return sorted(path.name for path in self._folder.glob(f"*{SUFFIX}") if _NAME.fullmatch(path.name))

    def tail(self, name: str) -> Tail:
        """See `AuditFiles`."""
        try:
            with (self._folder / name).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                start = file.seek(max(0, size - _TAIL_BYTES))
                content = file.read(size - start)
        except FileNotFoundError:
            return Tail()
        whole = content[: content.rfind(b"\n") + 1]
        return Tail(_from_first_line(whole, start), start + len(whole))

    def append(self, name: str, length: int, line: bytes) -> bool:
        """See `AuditFiles`."""
        with locked_file(self._folder, "audit"):
            if self.tail(name).length != length:
                return False
            with (self._folder / name).open("ab") as file:
                file.truncate(length)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        return True

    def read(self, name: str) -> bytes:
        """See `AuditFiles`."""
        return (self._folder / name).read_bytes()


class BlobAuditFiles:
    """The log as append blobs of a container, which Azure lets nobody write to but at the end."""

    def __init__(self, folder: BlobFolder, credential: BlobCredential | None = None) -> None:
        self._folder = folder
        self._credential = credential
        self._client: ContainerClient | None = None

    def names(self) -> list[str]:
        """See `AuditFiles`."""
        prefix = self._folder.prefix
        found = self._container().list_blob_names(name_starts_with=prefix or None)
        return sorted(name for one in found if _NAME.fullmatch(name := one.removeprefix(prefix)))

    def tail(self, name: str) -> Tail:
        """See `AuditFiles`."""
        from azure.core.exceptions import ResourceNotFoundError

        blob = self._container().get_blob_client(f"{self._folder.prefix}{name}")
        try:
            properties = blob.get_blob_properties()
        except ResourceNotFoundError:
            return Tail()
        size, appends = properties.size, properties.append_blob_committed_block_count or 0
        start = max(0, size - _TAIL_BYTES)
        content = blob.download_blob(start, size - start).readall() if size else b""
        return Tail(_from_first_line(content, start), size, appends)

    def append(self, name: str, length: int, line: bytes) -> bool:
        """See `AuditFiles`."""
        from azure.core import MatchConditions
        from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError

        blob = self._container().get_blob_client(f"{self._folder.prefix}{name}")
        if length == 0:
            with suppress(ResourceExistsError, ResourceModifiedError):
                blob.create_append_blob(match_condition=MatchConditions.IfMissing)
        try:
            blob.append_block(line, appendpos_condition=length)
        except HttpResponseError as error:
            if error.status_code != 412:
                raise
            return False
        return True

    def read(self, name: str) -> bytes:
        """See `AuditFiles`."""
        blob = self._container().get_blob_client(f"{self._folder.prefix}{name}")
        content: bytes = blob.download_blob().readall()
        return content

    def _container(self) -> "ContainerClient":
        if self._client is None:
            from azure.storage.blob import LinearRetry

            retry = LinearRetry(backoff=1, retry_total=1, random_jitter_range=0)
            place = self._folder.account_url, self._folder.container
            options: dict[str, Any] = {"retry_policy": retry, **_TIMES}
            self._client = open_container(*place, self._credential, **options)
        return self._client


def open_audit_files(folder: Folder, credential: BlobCredential | None = None) -> AuditFiles:
    """Return the files of the log that is kept in the folder."""
    return LocalAuditFiles(folder) if isinstance(folder, Path) else BlobAuditFiles(folder, credential)


def _from_first_line(content: bytes, start: int) -> bytes:
    """Return what was read from the middle of a file on, from the beginning of a line on."""
    return content[content.find(b"\n") + 1 :] if start else content
