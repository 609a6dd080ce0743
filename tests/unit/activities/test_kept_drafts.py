from pathlib import Path

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient

from activities.kept_drafts import KeptDraft, draft_key, keep_draft, read_draft
from setting_groups.review import DraftSettings

DRAFT = KeptDraft(title="Tea", content="Tea is wärm.\r\n\x00\u202e")
OTHER = KeptDraft(title="Tea", content="Something else.")
KEY = draft_key("run:1", "r1")


def test_in_a_folder_the_first_draft_of_a_key_stays_as_it_is(tmp_path: Path) -> None:
    drafts = DraftSettings(blob_account_url=None, container="drafts", directory=tmp_path / "drafts")
    assert read_draft(KEY, drafts) is None
    keep_draft(KEY, DRAFT, drafts)
    keep_draft(KEY, OTHER, drafts)
    assert read_draft(KEY, drafts) == DRAFT
    assert read_draft(draft_key("run:1", "r2"), drafts) is None


@pytest.mark.parametrize("key", ["../drafts", "/etc/hostname", "a/b", ".", "x" * 500])
def test_a_key_cannot_leave_the_folder(tmp_path: Path, key: str) -> None:
    drafts = DraftSettings(blob_account_url=None, container="drafts", directory=tmp_path / "drafts")
    keep_draft(key, DRAFT, drafts)
    assert [path.parent for path in tmp_path.rglob("*.json")] == [drafts.directory]
    assert read_draft(key, drafts) == DRAFT


def test_what_is_no_draft_is_not_taken_for_one(tmp_path: Path) -> None:
    drafts = DraftSettings(blob_account_url=None, container="drafts", directory=tmp_path)
    keep_draft(KEY, DRAFT, drafts)
    (kept,) = tmp_path.iterdir()
    kept.write_text("{}")
    with pytest.raises(ValueError, match="title"):
        read_draft(KEY, drafts)


def test_in_blob_storage_the_first_draft_of_a_key_stays_as_it_is(
    tmp_path: Path, account_url: str, credential: AzureNamedKeyCredential
) -> None:
    drafts = DraftSettings(blob_account_url=account_url, container="drafts", directory=tmp_path / "unused")
    with ContainerClient(account_url, "drafts", credential=credential) as container:
        container.create_container()
    assert read_draft(KEY, drafts, credential) is None
    keep_draft(KEY, DRAFT, drafts, credential)
    keep_draft(KEY, OTHER, drafts, credential)
    assert read_draft(KEY, drafts, credential) == DRAFT
