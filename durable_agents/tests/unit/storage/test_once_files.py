import os
from pathlib import Path
from threading import Barrier, Thread

import pytest

from durable_agents.storage.once_files import write_once


def test_the_first_content_of_a_key_stays(tmp_path: Path) -> None:
    first = write_once(tmp_path / "new" / "folder", "run-1", ".txt", b"one")
    second = write_once(tmp_path / "new" / "folder", "run-1", ".txt", b"two")
    assert first == second
    assert first.name == "run-1.txt"
    assert [path.read_bytes() for path in first.parent.iterdir()] == [b"one"]


@pytest.mark.parametrize("key", ["../outside", "a/b", "..", ".hidden", "a" * 300, "a\x00b"])
def test_a_key_never_chooses_the_folder(tmp_path: Path, key: str) -> None:
    path = write_once(tmp_path, key, ".txt", b"content")
    assert path.parent == tmp_path
    assert path.read_bytes() == b"content"
    assert len(path.stem) == 64


def test_without_a_key_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got none"):
        write_once(tmp_path, "", ".txt", b"content")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("round_", range(3))
def test_the_first_content_stays_of_several_that_write_at_the_same_time(tmp_path: Path, round_: int) -> None:
    meeting, seen = Barrier(8), list[bytes]()

    def write(number: int) -> None:
        meeting.wait(10)
        seen.append(write_once(tmp_path, "key", ".txt", f"{number}".encode()).read_bytes())

    writers = [Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(10)
    assert len(seen) == 8
    assert len(set(seen)) == 1, "what somebody has read was replaced"
    assert [path.name for path in tmp_path.iterdir()] == ["key.txt"]


def test_a_file_is_written_once_too_where_files_cannot_have_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: str, target: Path) -> None:
        raise OSError("not supported")

    monkeypatch.setattr(os, "link", refuse)
    paths = [write_once(tmp_path, "key", ".txt", content) for content in (b"one", b"two")]
    assert [path.read_bytes() for path in paths] == [b"one", b"one"]
    assert len(list(tmp_path.iterdir())) == 1
