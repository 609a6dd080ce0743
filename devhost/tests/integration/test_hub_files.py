"""Files of task hubs: `devhost inspect` reads and `reset` deletes no others, and `reset` none that a host has open."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from devhost.__main__ import main
from devhost.hub.file import SCHEMA_VERSION
from devhost.hub.store import TaskHub
from devhost.testing.host_process import REPOSITORY, DevhostProcess

SMALL_APP = REPOSITORY / "devhost" / "tests" / "apps" / "small"

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


def refused_start(path: Path) -> str:
    """Start a host on a file that it must refuse, in a process of its own, and return the sentence it gives."""
    command = [sys.executable, "-m", "devhost", "start", "--app-root", str(SMALL_APP), "--port", "0", "--db", str(path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def no_file(path: Path) -> None:
    pass


def a_text(path: Path) -> None:
    path.write_text("not a database, but long enough to be looked at by SQLite\n" * 20)


def another_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE bookmarks (url TEXT)")


def a_folder(path: Path) -> None:
    path.mkdir()


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
        (a_folder, "is a folder, and a task hub is a file"),
        (newer, f"has schema version {SCHEMA_VERSION + 1}; this devhost knows up to {SCHEMA_VERSION}"),
    ],
    ids=["no file", "a text", "another database", "a folder", "newer"],
)
def test_file_that_is_no_hub_of_ours_is_refused(
    tmp_path: Path, refused: Refused, make: Callable[[Path], None], sentence: str
) -> None:
    path = tmp_path / "some.db"
    make(path)
    assert sentence in refused("inspect", "--db", str(path))
    if path.exists():
        assert sentence in refused_start(path)


def test_file_with_a_second_name_is_refused_under_both(tmp_path: Path) -> None:
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    TaskHub(first).close()
    os.link(first, second)
    assert "is a file with several names" in refused_start(first)
    assert "is a file with several names" in refused_start(second)
    second.unlink()
    TaskHub(first).close()


NO_HUBS = [no_file, a_text, another_database, a_folder]


@pytest.mark.parametrize("make", NO_HUBS, ids=["no file", "a text", "another database", "a folder"])
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


def damage(path: Path) -> None:
    """Fill a hub, so that it has many pages, and overwrite those behind the first ones: the schema can be read."""
    with closing(TaskHub(path)), closing(sqlite3.connect(path)) as db, db:
        rows = [(f"run-{n}", "e", "chain", "Running", None, None, None, n, n, None, None, None) for n in range(500)]
        db.executemany(f"INSERT INTO instances VALUES ({', '.join('?' * 12)})", rows)
        events = [(f"run-{n}", 0, '{"EventType": 0, "Timestamp": "x"}' * 9, None) for n in range(500)]
        db.executemany("INSERT INTO history VALUES (?, ?, ?, ?)", events)
    with path.open("r+b") as file:
        for page in range(8, path.stat().st_size // 4096, 2):
            file.seek(page * 4096)
            file.write(bytes(range(256)) * 8)


def test_damaged_hub_is_refused_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    damage(path)
    sentence = refused_start(path)
    assert sentence.startswith(f"devhost: The task hub {path} is damaged (")
    assert "`devhost reset`" in sentence


@pytest.mark.parametrize("arguments", [[], ["run-7"], ["run-400", "--json"], ["--entities"]], ids=" ".join)
def test_damaged_hub_is_inspected_or_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    path = tmp_path / "state.db"
    damage(path)
    status = main(["inspect", "--db", str(path), *arguments])
    printed, sentence = capsys.readouterr()
    if status == 0:
        assert printed and not sentence
    else:
        assert not printed and len(sentence.splitlines()) == 1


def test_history_that_no_devhost_wrote_is_told_as_damage(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "state.db"
    with closing(TaskHub(path)), closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO instances VALUES ('r', 'e', 'c', 'Running', NULL, NULL, NULL, 0, 0, NULL, NULL, NULL)")
        db.execute("INSERT INTO history VALUES ('r', 0, '[]', NULL)")
    assert f"The task hub {path} is damaged" in refused("inspect", "--db", str(path), "r")


def test_damaged_hub_can_be_reset(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    damage(path)
    assert main(["reset", "--yes", "--db", str(path)]) == 0
    assert not path.exists()


@pytest.mark.parametrize("folder", ["/proc/no-such", "file.txt"])
def test_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file.txt").touch()
    path = tmp_path / folder / "state.db"
    sentence = refused_start(path)
    assert sentence.startswith(f"devhost: The task hub {path} cannot be used (")


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_hub_that_must_not_be_written_is_one_sentence(what: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "state.db"
        TaskHub(path).close()
        path.chmod(0o444 if what == "file" else 0o666)
        folder.chmod(0o777 if what == "file" else 0o555)
        said = said_to_nobody(path)
        folder.chmod(0o755)
    assert said.startswith(f"devhost: The task hub {path} cannot be ") and len(said.splitlines()) == 1


def said_to_nobody(path: Path) -> str:
    """Open a task hub as a host does, in a process that is not root's, and return the sentence it is refused with."""
    script = (
        "import encodings.ascii, os, sys\n"  # what it needs later, nobody may not be able to read
        "from pathlib import Path\n"
        "from devhost.hub.file import HubFileError\n"
        "from devhost.hub.lock import HubLock\n"
        "from devhost.hub.store import TaskHub\n"
        "if os.getuid() == 0:\n"  # root may write anything
        "    os.setgid(65534)\n"
        "    os.setuid(65534)\n"
        "path = Path(sys.argv[1])\n"
        "try:\n"
        "    with HubLock(path):\n"
        "        TaskHub(path)\n"
        "except HubFileError as ex:\n"
        "    print(f'devhost: {ex}')\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script, str(path)], cwd=REPOSITORY, capture_output=True, text=True, timeout=30
    ).stdout


@pytest.mark.skipif(os.name == "nt", reason="Windows does not delete a file that is open")
def test_host_whose_hub_is_deleted_answers_no_start_and_ends_with_the_reason(tmp_path: Path) -> None:
    host = DevhostProcess(tmp_path, SMALL_APP)
    host.start()
    with host.client() as http:
        host.database.unlink()
        answer = http.post("/runtime/webhooks/durabletask/orchestrators/wait_for_go/lost", json="x")
        assert answer.status_code == 503
    assert host.stop() == 1
    reason = f"{host.database} was deleted or replaced while this host had it open: "
    assert host.output().splitlines()[-1].startswith(f"devhost: {reason}")
    assert f"ERROR {reason}" in host.output(), "it was said when it was met"
