"""Blobs that are written once per key: what `keyed_files` is on this machine, in Blob Storage."""

from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from azure.core.credentials import AzureNamedKeyCredential, TokenCredential

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

# The Azure libraries are imported late: most apps start without them, and they slow a cold start.

BlobCredential: TypeAlias = TokenCredential | AzureNamedKeyCredential


def open_blob(
    account_url: str, container: str, name: str, *, client_id: str | None, credential: BlobCredential | None = None
) -> "BlobClient":
    """Return the client of one blob; use it with `with`.

    Without a `credential`, Blob Storage is reached with the Entra identity of the app, the one with this `client_id` if
    there are several.
    """
    from azure.identity import DefaultAzureCredential
    from azure.storage.blob import BlobClient

    if credential is None:
        credential = DefaultAzureCredential(managed_identity_client_id=client_id)
    return BlobClient(account_url, container, name, credential=credential)


def upload_once(blob: "BlobClient", content: bytes, content_type: str) -> str:
    """Upload unless the blob exists, and return its URL: the first content of a key stays.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the write.
    """
    from azure.core.exceptions import ResourceExistsError
    from azure.storage.blob import ContentSettings

    with suppress(ResourceExistsError):
        blob.upload_blob(content, overwrite=False, content_settings=ContentSettings(content_type=content_type))
    return str(blob.url)


def download(blob: "BlobClient") -> bytes | None:
    """Return the content of the blob, or None if there is no such blob.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the read.
    """
    from azure.core.exceptions import ResourceNotFoundError

    try:
        content: bytes = blob.download_blob().readall()
    except ResourceNotFoundError:
        return None
    return content
