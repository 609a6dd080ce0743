from pathlib import Path

from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient

from durable_agents.settings.outbox import BlobFolder
from durable_agents.storage.outbox_files import put_once


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
