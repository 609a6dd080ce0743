"""A task hub whose files are deleted or replaced while it is open stores nothing, and says so."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devhost.hub.file import HubGoneError
from devhost.hub.lock import HubLock
from devhost.hub.rows import Changes, Entity
from devhost.hub.snapshot import HubSnapshot
from devhost.hub.store import TaskHub
from devhost.testing.host_process import REPOSITORY

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows does not delete a file that is open")


def entity(key: str) -> Changes:
    return Changes(entity=Entity(f"@counter@{key}", True, "1", datetime(2026, 1, 5, tzinfo=UTC)))


def deleted(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def hub(path: Path) -> Iterator[TaskHub]:
    with HubLock(path):
        hub = TaskHub(path)
        yield hub
        hub.close()


@pytest.mark.parametrize("suffix", ["", "-wal", ".lock"])
@pytest.mark.parametrize("lose", [deleted, replaced])
def test_commit_is_refused_once_a_file_is_gone(
    hub: TaskHub, path: Path, suffix: str, lose: Callable[[Path], None]
) -> None:
    hub.commit([entity("before")])
    lost = path.with_name(path.name + suffix)
    lose(lost)
    with pytest.raises(HubGoneError, match=f"^{lost} was deleted or replaced while this host had it open: "):
        hub.commit([entity("after")])
    with pytest.raises(HubGoneError):
        hub.commit([Changes(purged=["run"])])
    assert hub.entity("@counter@before") and hub.entity("@counter@after") is None


def test_hub_goes_on_when_its_file_is_back(hub: TaskHub, path: Path) -> None:
    away = path.with_name("away.db")
    path.rename(away)
    with pytest.raises(HubGoneError):
        hub.commit([entity("a")])
    away.rename(path)
    hub.commit([entity("a")])
    with HubSnapshot(path) as snapshot:
        assert snapshot.entity_state("@counter@a") == "1"


def test_host_that_ends_leaves_the_hub_that_took_the_place_of_its_own(path: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from devhost.hub.store import TaskHub\n"
        "hub = TaskHub(Path(sys.argv[1]))\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
        "hub.close()\n"
        "print('closed', flush=True)\n"
        "import os; os._exit(0)\n"  # as `devhost start` ends
    )
    command = [sys.executable, "-c", script, str(path)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    for suffix in ("", "-wal", "-shm"):
        os.unlink(f"{path}{suffix}")
    with closing(TaskHub(path)) as second:
        second.commit([entity("of the second")])
        assert process.communicate()[0] == "closed\n"
        assert path.with_name("state.db-wal").exists()
        second.commit([entity("more")])
        with HubSnapshot(path) as snapshot:
            assert len(snapshot.entities("", 10)) == 2
