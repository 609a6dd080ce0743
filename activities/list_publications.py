"""List what has been published in some time."""

from pydantic import BaseModel

from durable_agents import BlobCredential, Folder, FoundFile, Slot, find_files

_MOST = 50


class Publications(BaseModel):
    """What was published, the oldest first; `left_out` counts what was more than anybody reads."""

    articles: list[FoundFile]
    left_out: int

    def as_text(self) -> str:
        """Return what an agent reads of it."""
        shown = [f"Published {article.written_at:%Y-%m-%d %H:%M} UTC:\n{article.begins}" for article in self.articles]
        return "\n\n".join([*shown, f"{self.left_out} more are not shown."] if self.left_out else shown)


def list_publications(slot: Slot, *, publishing: Folder, credential: BlobCredential | None = None) -> Publications:
    """Return the articles that were published in this time, each with its opening. It only reads.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the read.
        OSError: The folder cannot be read.
    """
    found = find_files(publishing, ".md", slot.since, slot.until, credential)
    return Publications(articles=found[:_MOST], left_out=len(found[_MOST:]))
