"""What the app writes on this machine goes into folders that are there before it starts.

The Functions host watches the folder of the app, takes a new folder at its top for a new function, and restarts.
"""

from pathlib import Path

import pytest

from settings import Settings

ROOT = Path(__file__).parents[3]


def test_every_folder_that_is_written_to_is_part_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    settings = Settings.from_environ({})
    written: list[object] = [
        settings.outbox_dir,
        settings.publishing,
        settings.drafts,
        settings.approval_links.key_file,
    ]
    written += [settings.approval_links.key_file, settings.session_index, settings.stream_store]
    tops = {path.relative_to(ROOT).parts[0] for path in written if isinstance(path, Path)}
    assert len(written) == sum(isinstance(path, Path) for path in written)
    assert tops == {top for top in tops if (ROOT / top / ".gitkeep").is_file()}
