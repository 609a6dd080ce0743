"""The drafts that reviewers decide on, whole: a run's status has room for the beginning only."""

import json

from pydantic import BaseModel

from activities.keyed_blobs import BlobCredential, download, open_blob, upload_once
from activities.keyed_files import keyed_path, write_once
from setting_groups.review import DraftSettings


class KeptDraft(BaseModel):
    """A draft, word for word."""

    title: str
    content: str


def draft_key(instance_id: str, request_id: str) -> str:
    """Return the key of the draft that this request of this run is about."""
    return f"{instance_id}-{request_id}"


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


def _read(key: str, drafts: DraftSettings, credential: BlobCredential | None) -> bytes | None:
    if drafts.blob_account_url is None:
        path = keyed_path(drafts.directory, key, ".json")
        return path.read_bytes() if path.exists() else None
    account_url, client_id = drafts.blob_account_url, drafts.managed_identity_client_id
    with open_blob(account_url, drafts.container, f"{key}.json", client_id=client_id, credential=credential) as blob:
        return download(blob)
