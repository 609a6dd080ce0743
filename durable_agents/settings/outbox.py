"""Where goes what no channel is configured for: mail, review requests, quarantine, receipts of refunds."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeAlias

from durable_agents.settings.environment import Environment

OUTBOX_CONTAINER = "outbox"


@dataclass(frozen=True, slots=True)
class BlobFolder:
    """Blobs of one container whose names begin with `prefix`, reached with an Entra identity."""

    account_url: str
    container: str
    managed_identity_client_id: str | None = None
    prefix: str = ""

    def __truediv__(self, name: str) -> Self:
        """Return a folder in this one."""
        return replace(self, prefix=f"{self.prefix}{name}/")


Outbox: TypeAlias = Path | BlobFolder


def read_outbox(env: Environment) -> Outbox:
    """Return the outbox: a folder of this machine, but blobs in Azure, where an instance's disk is lost with it."""
    folder, account_url = env.folder("OUTBOX_DIR", default="outbox"), env.url("PUBLISH_BLOB_ACCOUNT_URL")
    # Without an account, the app does not start there: its drafts and articles need one too.
    if not env.is_in_azure or account_url is None:
        return folder
    return BlobFolder(account_url, OUTBOX_CONTAINER, env.text("AZURE_CLIENT_ID"))
