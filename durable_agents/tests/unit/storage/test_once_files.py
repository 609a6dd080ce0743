from pathlib import Path

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
