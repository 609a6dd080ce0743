"""Publish an approved article: to Blob Storage when an account is configured, else into a folder."""

from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from azure.core.credentials import AzureNamedKeyCredential, TokenCredential
from pydantic import BaseModel

from activities.keyed_files import write_once
from settings import PublishingSettings

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient


class Article(BaseModel):
    """An approved article. `key` is its idempotency key and names the published file."""

    key: str
    title: str
    content: str


class PublicationReceipt(BaseModel):
    """Where an article was published."""

    store: Literal["blob", "folder"]
    location: str


def publish_content(
    article: Article,
    *,
    publishing: PublishingSettings,
    credential: TokenCredential | AzureNamedKeyCredential | None = None,
) -> PublicationReceipt:
    """Publish the article as Markdown and return its receipt.

    Runs at least once, so the write is keyed by `article.key` and never overwrites: publishing the same article again
    leaves the first publication as it is and returns the same receipt. Without a `credential`, Blob Storage is reached
    with the Entra identity of the app.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the write.
        OSError: The folder cannot be written.
    """
    markdown = f"# {article.title}\n\n{article.content}\n".encode()
    if publishing.blob_account_url is None:
        path = write_once(publishing.directory, article.key, ".md", markdown)
        return PublicationReceipt(store="folder", location=str(path))
    # The Azure libraries are imported late: most apps start without them, and they slow a cold start.
    from azure.identity import DefaultAzureCredential
    from azure.storage.blob import BlobClient

    if credential is None:
        credential = DefaultAzureCredential(managed_identity_client_id=publishing.managed_identity_client_id)
    account_url, container = publishing.blob_account_url, publishing.container
    with BlobClient(account_url, container, f"{article.key}.md", credential=credential) as blob:
        return PublicationReceipt(store="blob", location=_upload_once(blob, markdown))


def _upload_once(blob: "BlobClient", markdown: bytes) -> str:
    """Upload under `If-None-Match: *` and return the URL of the blob, new or already there."""
    from azure.core.exceptions import ResourceExistsError
    from azure.storage.blob import ContentSettings

    settings = ContentSettings(content_type="text/markdown; charset=utf-8")
    # An earlier run published it already: that publication stands.
    with suppress(ResourceExistsError):
        blob.upload_blob(markdown, overwrite=False, content_settings=settings)
    return str(blob.url)
