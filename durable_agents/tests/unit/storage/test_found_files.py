import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient

from durable_agents import find_files, put_once
from durable_agents.settings.groups import BlobFolder

SINCE = datetime(2026, 3, 1, 7, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=1)
SECOND = timedelta(seconds=1)


def write(folder: Path, name: str, at: datetime, text: str = "# Tea") -> None:
    (folder / name).write_text(text, encoding="utf-8")
    os.utime(folder / name, (at.timestamp(), at.timestamp()))


def test_in_a_folder_each_file_is_in_one_of_two_times_that_follow_each_other(tmp_path: Path) -> None:
    written = {"c": SINCE - SECOND, "b": SINCE, "a": UNTIL - SECOND, "d": UNTIL}
    for name, at in written.items():
        write(tmp_path, f"{name}.md", at)
    times = [(SINCE - 2 * SECOND, SINCE), (SINCE, UNTIL), (UNTIL, UNTIL + SECOND)]
    found = [[file.name for file in find_files(tmp_path, ".md", *time)] for time in times]
    assert found == [["c.md"], ["b.md", "a.md"], ["d.md"]]
    assert find_files(tmp_path, ".md", SINCE, UNTIL)[0].written_at == SINCE


def test_only_whole_files_of_the_kind_are_found_and_only_how_they_begin(tmp_path: Path) -> None:
    write(tmp_path, "a.md", SINCE, f"x{'ä' * 5_000}")
    write(tmp_path, ".half.md", SINCE)
    write(tmp_path, "a.json", SINCE)
    (tmp_path / "inner").mkdir()
    write(tmp_path / "inner", "b.md", SINCE)
    (found,) = find_files(tmp_path, ".md", SINCE, UNTIL)
    assert found.begins == f"x{'ä' * 999}"


def test_a_folder_that_is_missing_has_none(tmp_path: Path) -> None:
    assert find_files(tmp_path / "none", ".md", SINCE, UNTIL) == []


def test_in_blob_storage_they_are_found_too(
    tmp_path: Path, account_url: str, credential: AzureNamedKeyCredential
) -> None:
    folder = BlobFolder(account_url, "published")
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    assert find_files(folder, ".md", now - hour, now + hour, credential) == []
    with ContainerClient(account_url, "published", credential=credential) as container:
        container.create_container()
    for key in ("b", "a"):
        put_once(folder, key, ".md", f"# {key}".encode(), credential)
    put_once(folder, "a", ".json", b"{}", credential)
    put_once(folder / "inner", "c", ".md", b"# c", credential)
    found = find_files(folder, ".md", now - hour, now + hour, credential)
    assert {(file.name, file.begins) for file in found} == {("a.md", "# a"), ("b.md", "# b")}
    assert find_files(folder, ".md", now - 2 * hour, now - hour, credential) == []
    assert [file.name for file in find_files(folder / "inner", ".md", now - hour, now + hour, credential)] == ["c.md"]
