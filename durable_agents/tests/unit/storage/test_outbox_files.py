import os
from datetime import UTC, datetime
from pathlib import Path

from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient

from durable_agents.settings.groups import BlobFolder
from durable_agents.storage.outbox_files import find_folders, put_once
from durable_agents.tests.support.blob_server import BlobServer


def test_a_file_is_written_once_into_a_folder(tmp_path: Path) -> None:
    first = put_once(tmp_path / "reviews", "run-1", ".json", b"1")
    assert put_once(tmp_path / "reviews", "run-1", ".json", b"2") == first == str(tmp_path / "reviews" / "run-1.json")
    assert Path(first).read_bytes() == b"1"


def test_a_file_is_one_blob_and_is_never_overwritten(account_url: str, credential: AzureNamedKeyCredential) -> None:
    outbox = BlobFolder(account_url, "outbox") / "reviews"
    with ContainerClient(account_url, "outbox", credential=credential) as container:
        container.create_container()
        first = put_once(outbox, "run-1", ".json", b"1", credential)
        second = put_once(outbox, "run-1", ".json", b"2", credential)
        odd = put_once(outbox, "../escape", ".eml", b"3", credential)
        blobs = {blob.name: blob.content_settings.content_type for blob in container.list_blobs()}
        content = container.download_blob("reviews/run-1.json").readall()
    assert first == second
    assert first.endswith("/outbox/reviews%2Frun-1.json") or first.endswith("/outbox/reviews/run-1.json")
    assert content == b"1"
    assert blobs.pop("reviews/run-1.json") == "application/json"
    ((name, media_type),) = blobs.items()
    assert (name.startswith("reviews/"), name.count("/"), media_type) == (True, 1, "message/rfc822")
    assert ".." not in odd


UNTIL = datetime(2026, 2, 1, tzinfo=UTC)


def test_folders_are_found_in_which_nothing_was_written_lately(tmp_path: Path) -> None:
    assert find_folders(tmp_path / "missing", UNTIL) == []
    for name in ("old", "mixed", "new"):
        for key in ("1", "2"):
            put_once(tmp_path / name, key, ".json", b"x")
        old = [(tmp_path / name / "1.json")] if name == "mixed" else list((tmp_path / name).iterdir())
        for path in (*old, tmp_path / name) if name != "new" else ():
            os.utime(path, (UTC_2026, UTC_2026))
    put_once(tmp_path, "no-folder", ".json", b"x")
    assert find_folders(tmp_path, UNTIL) == ["old"]


def test_folders_are_found_in_blob_storage_too() -> None:
    with BlobServer() as server:
        names = {"a/old/1": 1, "a/old/2": 2, "a/mixed/1": 1, "a/mixed/2": 9, "a/none": 1, "b/other/1": 1}
        server.content = {f"payloads/{name}": b"x" for name in names}
        server.written = {f"payloads/{name}": f"Thu, 0{day} Jan 2026 00:00:00 GMT" for name, day in names.items()}
        until = datetime(2026, 1, 5, tzinfo=UTC)
        assert find_folders(BlobFolder(server.url, "payloads") / "a", until, server.credential) == ["old"]


UTC_2026 = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
