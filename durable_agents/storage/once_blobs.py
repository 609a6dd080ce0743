"""Blobs that are written once per key: what `keyed_files` is on this machine, in Blob Storage."""

import re
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from azure.core.credentials import AzureNamedKeyCredential, TokenCredential

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, ContainerClient

# The Azure libraries are imported late: most apps start without them, and they slow a cold start.

BlobCredential: TypeAlias = TokenCredential | AzureNamedKeyCredential


def open_blob(account_url: str, container: str, name: str, credential: BlobCredential | None = None) -> "BlobClient":
    """Return the client of one blob; use it with `with`.

    Without a `credential`, Blob Storage is reached with the Entra identity of the app, that of AZURE_CLIENT_ID.
    """
    from azure.storage.blob import BlobClient

    return BlobClient(account_url, container, name, credential=credential or _identity())


def open_container(
    account_url: str, container: str, credential: BlobCredential | None = None, **options: Any
) -> "ContainerClient":
    """Return the client of one container; use it as that of `open_blob`. The `options` are the client's."""
    from azure.storage.blob import ContainerClient

    return ContainerClient(account_url, container, credential=credential or _identity(), **options)


def delete_blobs(container: "ContainerClient", prefix: str, names: re.Pattern[str]) -> None:
    """Delete the blobs whose whole name fits; all of them begin with `prefix`. A container that is missing has none.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused it.
    """
    from azure.core.exceptions import ResourceNotFoundError

    with suppress(ResourceNotFoundError):
        for name in container.list_blob_names(name_starts_with=prefix):
            if names.fullmatch(name):
                with suppress(ResourceNotFoundError):
                    container.delete_blob(name)


def upload_once(blob: "BlobClient", content: bytes, content_type: str, *, is_hasty: bool = False) -> str:
    """Upload unless the blob exists, and return its URL: the first content of a key stays.

    What is hasty gives up within seconds: somebody waits for it.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the write.
    """
    from azure.core.exceptions import ResourceExistsError
    from azure.storage.blob import ContentSettings

    with suppress(ResourceExistsError):
        settings = ContentSettings(content_type=content_type)
        blob.upload_blob(content, overwrite=False, content_settings=settings, **_haste(is_hasty))
    return str(blob.url)


def download(blob: "BlobClient", *, is_hasty: bool = False) -> bytes | None:
    """Return the content of the blob, or None if there is no such blob; what is hasty gives up within seconds.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the read.
    """
    from azure.core.exceptions import ResourceNotFoundError

    try:
        content: bytes = blob.download_blob(**_haste(is_hasty)).readall()
    except ResourceNotFoundError:
        return None
    return content


def _haste(is_hasty: bool) -> dict[str, Any]:
    return {"retry_total": 0, "connection_timeout": 5, "read_timeout": 5} if is_hasty else {}


@cache
def _identity() -> TokenCredential:
    """Return the one identity of this process, which keeps its token: a new one would ask for a token each time."""
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()
