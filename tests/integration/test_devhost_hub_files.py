"""Files of task hubs: `devhost inspect` reads and `reset` deletes no others, and `reset` none that a host has open."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from devhost.__main__ import main
from devhost.hub.store import SCHEMA_VERSION, TaskHub
from tests.support.host_process import DevhostProcess

pytestmark = pytest.mark.devhost_only("the files are those of devhost")

Refused = Callable[..., str]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Run a command that must fail and return the sentence it gives."""

    def run(*arguments: str) -> str:
        assert main(list(arguments)) == 1
        printed, sentence = capsys.readouterr()
        assert not printed and len(sentence.splitlines()) == 1
        return sentence

    return run


def no_file(path: Path) -> None:
    pass


def a_text(path: Path) -> None:
    path.write_text("not a database, but long enough to be looked at by SQLite\n" * 20)


def another_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE bookmarks (url TEXT)")


def newer(path: Path) -> None:
    TaskHub(path).close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (no_file, "There is no task hub at"),
        (a_text, "cannot be read as a task hub"),
        (another_database, "is an SQLite file, but no task hub"),
        (newer, f"has schema version {SCHEMA_VERSION + 1}; this devhost knows up to {SCHEMA_VERSION}"),
    ],
    ids=["no file", "a text", "another database", "newer"],
)
def test_file_that_is_no_hub_of_ours_is_refused(
    tmp_path: Path, refused: Refused, make: Callable[[Path], None], sentence: str
) -> None:
    path = tmp_path / "some.db"
    make(path)
    assert sentence in refused("inspect", "--db", str(path))


@pytest.mark.parametrize("make", [no_file, a_text, another_database], ids=["no file", "a text", "another database"])
def test_reset_deletes_nothing_but_task_hubs(tmp_path: Path, refused: Refused, make: Callable[[Path], None]) -> None:
    path = tmp_path / "some.db"
    make(path)
    before = sorted(tmp_path.iterdir())
    assert str(path) in refused("reset", "--yes", "--db", str(path))
    assert sorted(tmp_path.iterdir()) == before


def test_reset_is_refused_with_the_pid_of_the_host(host: DevhostProcess, refused: Refused) -> None:
    sentence = refused("reset", "--yes", "--db", str(host.database))
    assert f"in use by process {host.database.with_name('state.db.lock').read_text().strip()}." in sentence


@pytest.mark.parametrize("make", [newer, lambda path: TaskHub(path).close()], ids=["newer", "ours"])
def test_reset_deletes_the_hub_with_its_log(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "state.db"
    make(path)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).touch()
    assert main(["reset", "--yes", "--db", str(path)]) == 0
    assert [left.name for left in tmp_path.iterdir()] == ["state.db.lock"]


def test_reset_without_a_terminal_needs_yes(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    TaskHub(path).close()
    command = [sys.executable, "-m", "devhost", "reset", "--db", str(path)]
    done = subprocess.run(command, input="yes\n", capture_output=True, text=True)
    assert (done.returncode, path.exists()) == (1, True)
    assert "--yes" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX terminal")
@pytest.mark.parametrize(("answer", "status"), [("yes", 0), ("y", 1), ("", 1)])
def test_reset_asks_on_a_terminal(tmp_path: Path, answer: str, status: int) -> None:
    path = tmp_path / "state.db"
    TaskHub(path).close()
    here, there = os.openpty()
    command = [sys.executable, "-m", "devhost", "reset", "--db", str(path)]
    process = subprocess.Popen(command, stdin=there, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    os.write(here, f"{answer}\n".encode())
    said, _ = process.communicate()
    os.close(here)
    os.close(there)
    assert (process.returncode, path.exists()) == (status, status != 0), said
    assert f"This deletes the task hub {path} with all its runs and entities." in said
