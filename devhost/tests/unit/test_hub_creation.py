"""A task hub file that a kill left unfinished is an empty hub: it starts, is inspected and is reset."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from devhost.__main__ import main
from devhost.hub.store import TaskHub
from devhost.testing.host_process import REPOSITORY

# The system kills a process that writes beyond the largest size a file of it may have.
DIES_AT_SIZE = """
import resource, signal, sys
from pathlib import Path
from devhost.hub.store import TaskHub
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
TaskHub(Path(sys.argv[1]))
"""
# Kills itself in the middle of SQLite's program for the n-th instruction that it carries out.
DIES_AT_INSTRUCTION = """
import os, signal, sqlite3, sys
from itertools import count
from pathlib import Path
from devhost.hub.store import TaskHub
left = count(int(sys.argv[2]), -1)
class Connection(sqlite3.Connection):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.set_progress_handler(lambda: 0 if next(left) else os.kill(os.getpid(), signal.SIGKILL), 1)
connect = sqlite3.connect
sqlite3.connect = lambda *args, **kwargs: connect(*args, factory=Connection, **kwargs)
TaskHub(Path(sys.argv[1]))
"""


def killed_while_creating(script: str, path: Path, point: int) -> int:
    """Create a task hub in a process that dies at a point, and return the signal that killed it, or 0."""
    done = subprocess.run([sys.executable, "-c", script, str(path), str(point)], cwd=REPOSITORY, capture_output=True)
    assert done.returncode <= 0, done.stderr
    return -done.returncode


def assert_is_an_empty_hub(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Check that a file can be inspected, opened by a host and used, and reset."""
    assert main(["inspect", "--db", str(path)]) == 0
    assert capsys.readouterr().out == "No instances.\n"
    with closing(TaskHub(path)) as hub:
        assert list(hub.pending_messages()) == []
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert main(["reset", "--yes", "--db", str(path)]) == 0
    assert [left.name for left in path.parent.iterdir()] == [f"{path.name}.lock"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def test_an_empty_file_is_an_empty_hub(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.touch()
    assert_is_an_empty_hub(path, capsys)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit to the size of a process's files")
@pytest.mark.parametrize("size", [0, 512, 2000, 4096, 8192, 20_000, 32_768])
def test_a_file_whose_creator_was_killed_in_a_write_is_an_empty_hub(
    path: Path, capsys: pytest.CaptureFixture[str], size: int
) -> None:
    assert killed_while_creating(DIES_AT_SIZE, path, size) == signal.SIGXFSZ
    assert_is_an_empty_hub(path, capsys)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a kill by signal")
@pytest.mark.parametrize("instruction", [0, 10, 20, 40, 100, 200])
def test_a_file_whose_creator_was_killed_between_instructions_is_an_empty_hub(
    path: Path, capsys: pytest.CaptureFixture[str], instruction: int
) -> None:
    assert killed_while_creating(DIES_AT_INSTRUCTION, path, instruction) == signal.SIGKILL
    assert_is_an_empty_hub(path, capsys)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a kill by signal")
def test_reset_takes_what_such_a_kill_left(path: Path) -> None:
    assert killed_while_creating(DIES_AT_SIZE, path, 512) == signal.SIGXFSZ
    assert path.with_name("state.db-journal").exists()
    assert main(["reset", "--yes", "--db", str(path)]) == 0
    assert [left.name for left in path.parent.iterdir()] == ["state.db.lock"]
