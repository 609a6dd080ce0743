"""One host per task hub: the second is refused by name, and a killed one leaves the hub free."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest

from devhost.hub.lock import HubInUseError, HubLock
from devhost.hub.snapshot import HubSnapshot
from devhost.hub.store import TaskHub
from devhost.testing.host_process import REPOSITORY

HOLD = """
import sys
from pathlib import Path
from devhost.hub.lock import HubInUseError, HubLock
try:
    with HubLock(Path(sys.argv[1])):
        print("holds", flush=True)
        sys.stdin.read()
except HubInUseError as ex:
    print(ex, flush=True)
"""
FORK = """
import multiprocessing, sys, time
from pathlib import Path
from devhost.hub.lock import HubLock
with HubLock(Path(sys.argv[1])):
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    child.start()
    print(child.pid, flush=True)
    sys.stdin.read()
"""


class Holder:
    """Another process that takes a hub's lock, or fails to, and says so."""

    def __init__(self, hub: Path, script: str = HOLD) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, str(hub)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        self.said = self._stream(self.process.stdout).readline().strip()

    def kill(self) -> None:
        """End it as kill -9 does."""
        self.process.kill()
        self._close()

    def leave(self) -> None:
        """Let it end by itself."""
        self._stream(self.process.stdin).close()
        self._close()

    def _close(self) -> None:
        self.process.wait(timeout=20)
        self._stream(self.process.stdout).close()
        self._stream(self.process.stdin).close()

    @staticmethod
    def _stream(stream: IO[str] | None) -> IO[str]:
        assert stream is not None
        return stream


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def test_second_process_is_refused_with_the_id_of_the_first(hub: Path) -> None:
    first = Holder(hub)
    assert first.said == "holds"
    second = Holder(hub)
    assert second.said == (
        f"The task hub {hub} is in use by process {first.process.pid}. "
        "Stop that host first, or name another file with --db."
    )
    second.leave()
    with pytest.raises(HubInUseError, match=rf"in use by process {first.process.pid}\."), HubLock(hub):
        pass
    first.leave()


def test_killed_process_leaves_the_hub_free(hub: Path) -> None:
    first = Holder(hub)
    first.kill()
    second = Holder(hub)
    assert second.said == "holds"
    second.leave()


def test_lock_is_free_after_its_context_and_names_its_holder_while_in_it(hub: Path) -> None:
    with HubLock(hub):
        holder = Holder(hub)
        assert f"in use by process {os.getpid()}." in holder.said
        holder.leave()
    after = Holder(hub)
    assert after.said == "holds"
    after.leave()


def test_hubs_beside_each_other_have_locks_of_their_own(tmp_path: Path) -> None:
    with HubLock(tmp_path / "a.db"), HubLock(tmp_path / "b.db"):
        pass


def test_id_of_an_earlier_longer_holder_does_not_linger(hub: Path) -> None:
    hub.with_name("state.db.lock").write_text("999999999999\n", encoding="ascii")
    first = Holder(hub)
    second = Holder(hub)
    assert f"process {first.process.pid}." in second.said
    second.leave()
    first.leave()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_child_that_outlives_a_killed_host_does_not_keep_the_lock(hub: Path) -> None:
    parent = Holder(hub, FORK)
    child = int(parent.said)
    try:
        waiting = Holder(hub)
        assert f"in use by process {parent.process.pid}." in waiting.said
        waiting.leave()
        parent.kill()
        os.kill(child, 0)  # it still runs
        second = Holder(hub)
        assert second.said == "holds"
        second.leave()
    finally:
        os.kill(child, signal.SIGKILL)


def test_lock_holds_while_the_hub_is_used(hub: Path) -> None:
    with HubLock(hub), closing(TaskHub(hub)) as opened:
        with HubSnapshot(hub) as snapshot:
            assert snapshot.instance("none") is None
        assert opened.instance("none") is None
        second = Holder(hub)
        assert f"in use by process {os.getpid()}." in second.said
        second.leave()
