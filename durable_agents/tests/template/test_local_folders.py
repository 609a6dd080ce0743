"""What the app writes on this machine goes into folders that are there before it starts.

The Functions host watches the folder of the app, takes a new folder at its top for a new function, and restarts.
"""

from pathlib import Path

import pytest

from durable_agents.settings.sessions import SqliteIndexSettings, SqliteStreamSettings
from settings import Settings

ROOT = Path(__file__).parents[3]


def test_every_folder_that_is_written_to_is_part_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    settings = Settings.from_environ({})
    assert isinstance(settings.outbox_dir, Path)
    written = [settings.outbox_dir, settings.publishing.directory, settings.drafts.directory]
    written.append(settings.approval_links.key_file)
    assert isinstance(settings.sessions.index, SqliteIndexSettings)
    assert isinstance(settings.stream_store, SqliteStreamSettings)
    written += [settings.sessions.index.directory, settings.stream_store.directory]
    tops = {path.relative_to(ROOT).parts[0] for path in written}
    assert tops == {top for top in tops if (ROOT / top / ".gitkeep").is_file()}
