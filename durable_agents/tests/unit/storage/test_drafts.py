from pathlib import Path

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient

from durable_agents.settings.review import DraftSettings
from durable_agents.storage.drafts import KeptDraft, draft_key, forget_drafts, keep_draft, read_draft

DRAFT = KeptDraft(title="Tea", content="Tea is wärm.\r\n\x00\u202e")
OTHER = KeptDraft(title="Tea", content="Something else.")
REQUEST, ANOTHER = "f616c9ec-89e1-557d-9c16-b5f1f0f3391c", "0d8f9a52-3c1e-5f0b-8a77-1b6f3e9c2d40"
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


# An id of another run may begin with that of this one.
RUNS = ["run-1", "run-1-2", f"run-1-{REQUEST}", "run:1", "run_1"]


def assert_forgotten(drafts: DraftSettings, credential: AzureNamedKeyCredential | None = None) -> None:
    """Keep two drafts of each run, and see that the drafts of one go, twice, and no others."""
    keys = {run: [draft_key(run, REQUEST), draft_key(run, ANOTHER)] for run in RUNS}
    for key in (key for of_run in keys.values() for key in of_run):
        keep_draft(key, DRAFT, drafts, credential)
    for gone in ("run-1", "run:1", "run:1"):
        forget_drafts(gone, drafts, credential)
    kept = {run: [read_draft(key, drafts, credential) for key in of_run] for run, of_run in keys.items()}
    assert kept == {run: [None if run in ("run-1", "run:1") else DRAFT] * 2 for run in RUNS}


def test_the_drafts_of_a_run_are_forgotten_in_a_folder(tmp_path: Path) -> None:
    drafts = DraftSettings(blob_account_url=None, container="drafts", directory=tmp_path / "drafts")
    forget_drafts("run-1", drafts)
    assert_forgotten(drafts)


def test_the_drafts_of_a_run_are_forgotten_in_blob_storage(
    tmp_path: Path, account_url: str, credential: AzureNamedKeyCredential
) -> None:
    drafts = DraftSettings(blob_account_url=account_url, container="forgotten", directory=tmp_path / "unused")
    forget_drafts("run-1", drafts, credential)
    with ContainerClient(account_url, "forgotten", credential=credential) as container:
        container.create_container()
    assert_forgotten(drafts, credential)
