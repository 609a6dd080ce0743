"""Issue a refund: the effect of a tool, which an agent has and a human approves."""

import json
from pathlib import Path

from durable_agents import Folder, put_once


def issue_refund(key: str, order_id: str, amount_cents: int, *, folder: Folder) -> str:
    """Write the receipt of the refund into `folder` and return its number, which is made of the key.

    May run more than once: the receipt is keyed by `key`, and a second run with the same one changes nothing.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the write.
        OSError: The folder cannot be written.
    """
    receipt = {"order_id": order_id, "amount_cents": amount_cents}
    return Path(put_once(folder, key, ".json", json.dumps(receipt).encode())).stem
