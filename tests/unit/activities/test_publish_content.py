import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient

from activities.publish_content import Article, publish_content
from settings import PublishingSettings

ARTICLE = Article(key="run-1-r1", title="Tea", content="Tea is wärm.")
ACCOUNT = "devstoreaccount1"
# The account key of every Azurite; it is published in its documentation and opens nothing else.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
CREDENTIAL = AzureNamedKeyCredential(ACCOUNT, ACCOUNT_KEY)


@pytest.fixture
def account_url(tmp_path: Path, unused_tcp_port: int) -> Iterator[str]:
    """The blob service of an Azurite that runs for this test."""
    azurite = shutil.which("azurite-blob")
    if azurite is None:
        pytest.skip("Blob Storage is tested against Azurite: npm install -g azurite")
    port = unused_tcp_port
    arguments = ["--silent", "--skipApiVersionCheck", "--blobPort", str(port), "--location", str(tmp_path / "azurite")]
    process = subprocess.Popen([azurite, *arguments])
    try:
        _wait_for_port(port)
        yield f"http://127.0.0.1:{port}/{ACCOUNT}"
    finally:
        process.terminate()
        process.wait()


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_an_article_is_one_file_however_often_it_is_published(tmp_path: Path) -> None:
    publishing = PublishingSettings(blob_account_url=None, container="published", directory=tmp_path)
    first = publish_content(ARTICLE, publishing=publishing)
    second = publish_content(ARTICLE, publishing=publishing)
    assert first == second
    (path,) = tmp_path.iterdir()
    assert (first.store, first.location) == ("folder", str(path))
    assert path.read_text(encoding="utf-8") == "# Tea\n\nTea is wärm.\n"


def test_an_article_is_one_blob_and_is_never_overwritten(tmp_path: Path, account_url: str) -> None:
    publishing = PublishingSettings(blob_account_url=account_url, container="published", directory=tmp_path)
    changed = ARTICLE.model_copy(update={"content": "Something else."})
    with ContainerClient(account_url, "published", credential=CREDENTIAL) as container:
        container.create_container()
        first = publish_content(ARTICLE, publishing=publishing, credential=CREDENTIAL)
        second = publish_content(changed, publishing=publishing, credential=CREDENTIAL)
        names = [blob.name for blob in container.list_blobs()]
        content = container.download_blob("run-1-r1.md").readall()
    assert first == second
    assert (first.store, first.location) == ("blob", f"{account_url}/published/run-1-r1.md")
    assert names == ["run-1-r1.md"]
    assert content.decode() == "# Tea\n\nTea is wärm.\n"
