from pathlib import Path

from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient

from activities.publish_content import Article, publish_content
from durable_agents.settings.review import PublishingSettings

ARTICLE = Article(key="run-1-r1", title="Tea", content="Tea is wärm.")


def test_an_article_is_one_file_however_often_it_is_published(tmp_path: Path) -> None:
    publishing = PublishingSettings(blob_account_url=None, container="published", directory=tmp_path)
    first = publish_content(ARTICLE, publishing=publishing)
    second = publish_content(ARTICLE, publishing=publishing)
    assert first == second
    (path,) = tmp_path.iterdir()
    assert (first.store, first.location) == ("folder", str(path))
    assert path.read_text(encoding="utf-8") == "# Tea\n\nTea is wärm.\n"


def test_an_article_is_one_blob_and_is_never_overwritten(
    tmp_path: Path, account_url: str, credential: AzureNamedKeyCredential
) -> None:
    publishing = PublishingSettings(blob_account_url=account_url, container="published", directory=tmp_path)
    changed = ARTICLE.model_copy(update={"content": "Something else."})
    with ContainerClient(account_url, "published", credential=credential) as container:
        container.create_container()
        first = publish_content(ARTICLE, publishing=publishing, credential=credential)
        second = publish_content(changed, publishing=publishing, credential=credential)
        names = [blob.name for blob in container.list_blobs()]
        content = container.download_blob("run-1-r1.md").readall()
    assert first == second
    assert (first.store, first.location) == ("blob", f"{account_url}/published/run-1-r1.md")
    assert names == ["run-1-r1.md"]
    assert content.decode() == "# Tea\n\nTea is wärm.\n"
