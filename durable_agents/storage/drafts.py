"""The drafts that reviewers decide on, whole: a run's status has room for the beginning only."""

import json
import re

from pydantic import BaseModel

from durable_agents.settings.review import DraftSettings
from durable_agents.storage.once_blobs import (
    BlobCredential,
    delete_blobs,
    download,
    open_blob,
    open_container,
    upload_once,
)
from durable_agents.storage.once_files import keyed_path, stem_of, write_once

_REQUEST_ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class KeptDraft(BaseModel):
    """A draft, word for word."""

    title: str
    content: str


def draft_key(instance_id: str, request_id: str) -> str:
    """Return the key of the draft that this request of this run is about."""
    return f"{stem_of(instance_id)}-{request_id}"


def keep_draft(key: str, draft: KeptDraft, drafts: DraftSettings, credential: BlobCredential | None = None) -> None:
    """Keep the draft under its key. Safe to run twice: the first draft of a key stays.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the write.
        OSError: The folder cannot be written.
    """
    content = json.dumps(draft.model_dump()).encode()
    if drafts.blob_account_url is None:
        write_once(drafts.directory, key, ".json", content)
        return
    account_url, client_id = drafts.blob_account_url, drafts.managed_identity_client_id
    with open_blob(account_url, drafts.container, f"{key}.json", client_id=client_id, credential=credential) as blob:
        upload_once(blob, content, "application/json")


def read_draft(key: str, drafts: DraftSettings, credential: BlobCredential | None = None) -> KeptDraft | None:
    """Return the draft of this key, or None if none is kept.

    Raises:
        ValueError: What is kept there is no draft.
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the read.
        OSError: The folder cannot be read.
    """
    content = _read(key, drafts, credential)
    return None if content is None else KeptDraft.model_validate_json(content)


def forget_drafts(instance_id: str, drafts: DraftSettings, credential: BlobCredential | None = None) -> None:
    """Remove all drafts of a run. Safe to run twice.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused it.
        OSError: The folder or one of its files cannot be changed.
    """
    prefix = f"{stem_of(instance_id)}-"
    # The id of another run may begin with that of this one; what follows it is then no id of a request.
    names = re.compile(rf"{re.escape(prefix)}{_REQUEST_ID}\.json")
    if drafts.blob_account_url is None:
        for path in drafts.directory.glob(f"{prefix}*.json"):
            if names.fullmatch(path.name):
                path.unlink(missing_ok=True)
        return
    account_url, client_id = drafts.blob_account_url, drafts.managed_identity_client_id
    with open_container(account_url, drafts.container, client_id=client_id, credential=credential) as container:
        delete_blobs(container, prefix, names)


def _read(key: str, drafts: DraftSettings, credential: BlobCredential | None) -> bytes | None:
    if drafts.blob_account_url is None:
        path = keyed_path(drafts.directory, key, ".json")
        return path.read_bytes() if path.exists() else None
    account_url, client_id = drafts.blob_account_url, drafts.managed_identity_client_id
    with open_blob(account_url, drafts.container, f"{key}.json", client_id=client_id, credential=credential) as blob:
        return download(blob)
