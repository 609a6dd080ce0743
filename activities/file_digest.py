"""Keep a digest that nobody gets by mail."""

from pydantic import BaseModel

from durable_agents import Folder, Keyed, put_once

DIGESTS_FOLDER = "digests"


class FiledDigest(Keyed):
    """A digest to keep. `key` is its idempotency key and names the file."""

    subject: str
    body: str


class FilingReceipt(BaseModel):
    """Where a digest is kept."""

    location: str


def file_digest(digest: FiledDigest, *, outbox_dir: Folder) -> FilingReceipt:
    """Write the digest into the folder of digests in the outbox, and return where it is.

    Runs at least once; the file is keyed, so running again returns the first one.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the write.
        OSError: The folder cannot be written.
    """
    markdown = f"# {digest.subject}\n\n{digest.body}\n".encode()
    return FilingReceipt(location=put_once(outbox_dir / DIGESTS_FOLDER, digest.key, ".md", markdown))
