"""The drafts that reviewers decide on, whole: a run's status has room for the beginning only."""

import json
import re
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from pydantic import BaseModel

from durable_agents.settings.groups import Folder
from durable_agents.storage.once_blobs import BlobCredential, delete_blobs, open_container
from durable_agents.storage.once_files import stem_of
from durable_agents.storage.outbox_files import put_once, read_file

_REQUEST_ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class KeptDraft(BaseModel):
    """A draft, word for word."""

    title: str
    content: str


def draft_key(instance_id: str, request_id: str) -> str:
    """Return the key of the draft that this request of this run is about.

    A request of a graph workflow may have any id; in a key all have the same form, which `forget_drafts` knows.
    """
    known = request_id if re.fullmatch(_REQUEST_ID, request_id) else uuid5(NAMESPACE_URL, request_id)
    return f"{stem_of(instance_id)}-{known}"


def keep_draft(key: str, draft: KeptDraft, drafts: Folder, credential: BlobCredential | None = None) -> None:
    """Keep the draft under its key. Safe to run twice: the first draft of a key stays.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the write.
        OSError: The folder cannot be written.
    """
    put_once(drafts, key, ".json", json.dumps(draft.model_dump()).encode(), credential)


def read_draft(key: str, drafts: Folder, credential: BlobCredential | None = None) -> KeptDraft | None:
    """Return the draft of this key, or None if none is kept.

    Raises:
        ValueError: What is kept there is no draft.
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the read.
        OSError: The folder cannot be read.
    """
    content = read_file(drafts, key, ".json", credential)
    return None if content is None else KeptDraft.model_validate_json(content)


def forget_drafts(instance_id: str, drafts: Folder, credential: BlobCredential | None = None) -> None:
    """Remove all drafts of a run. Safe to run twice.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused it.
        OSError: The folder or one of its files cannot be changed.
    """
    prefix = f"{stem_of(instance_id)}-"
    # The id of another run may begin with that of this one; what follows it is then no id of a request.
    names = re.compile(rf"{re.escape(prefix)}{_REQUEST_ID}\.json")
    if isinstance(drafts, Path):
        for path in drafts.glob(f"{prefix}*.json"):
            if names.fullmatch(path.name):
                path.unlink(missing_ok=True)
        return
    with open_container(drafts.account_url, drafts.container, credential) as container:
        delete_blobs(container, prefix, names)
