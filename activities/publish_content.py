"""Publish an approved article: to Blob Storage when an account is configured, else into a folder."""

from typing import Literal

from pydantic import BaseModel

from durable_agents.settings.review import PublishingSettings
from durable_agents.storage.once_blobs import BlobCredential, open_blob, upload_once
from durable_agents.storage.once_files import write_once


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
    article: Article, *, publishing: PublishingSettings, credential: BlobCredential | None = None
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
    account_url, container, name = publishing.blob_account_url, publishing.container, f"{article.key}.md"
    client_id = publishing.managed_identity_client_id
    with open_blob(account_url, container, name, client_id=client_id, credential=credential) as blob:
        location = upload_once(blob, markdown, "text/markdown; charset=utf-8")
    return PublicationReceipt(store="blob", location=location)
