"""Publish an approved article: into a container of Blob Storage, or into a folder of this machine."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from durable_agents import BlobCredential, Folder, Keyed, put_once


class Article(Keyed):
    """An approved article. `key` is its idempotency key and names the published file."""

    title: str
    content: str


class PublicationReceipt(BaseModel):
    """Where an article was published."""

    store: Literal["blob", "folder"]
    location: str


def publish_content(
    article: Article, *, publishing: Folder, credential: BlobCredential | None = None
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
    location = put_once(publishing, article.key, ".md", markdown, credential)
    return PublicationReceipt(store="folder" if isinstance(publishing, Path) else "blob", location=location)
