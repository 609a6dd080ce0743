"""What is started on a leash ends with its parent, and takes along what it has started."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devhost.testing.leash import Leashed

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the leash is for POSIX")

# A process with a child that has left its process group.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(child.pid, flush=True)
try:
    time.sleep(600)
except KeyboardInterrupt:
    sys.exit(7)
"""
HOLDER = """
import subprocess, sys, time
from pathlib import Path
from devhost.testing.leash import Leashed
leashed = Leashed([sys.executable, "-c", sys.argv[1]], ".", {}, open(sys.argv[2], "ab"))
time.sleep(600)
"""
SECONDS = 20


def is_there(process: int) -> bool:
    """Say whether a process runs: a zombie that nobody has waited for does not."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True).stdout.strip()
    return listed != "" and not listed.startswith("Z")


def child_in(log: Path) -> int:
    """Return the process that the log names, once it does."""
    deadline = time.monotonic() + SECONDS
    while not log.exists() or not log.read_text().endswith("\n"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(log.read_text())


def wait_until_gone(process: int) -> None:
    deadline = time.monotonic() + SECONDS
    while is_there(process):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def leashed(tmp_path: Path, log: Path) -> Iterator[Leashed]:
    with log.open("wb") as output:
        leashed = Leashed([sys.executable, "-c", PARENT], tmp_path, {}, output)
    yield leashed
    leashed.process.kill()


def test_a_kill_reaches_all_that_was_started(leashed: Leashed, log: Path) -> None:
    child = child_in(log)
    assert leashed.kill() == 128 + signal.SIGKILL
    wait_until_gone(child)


def test_a_stop_interrupts_the_command_and_leaves_nothing(leashed: Leashed, log: Path) -> None:
    child = child_in(log)
    assert leashed.stop(SECONDS) == 7
    wait_until_gone(child)


def test_nothing_outlives_the_one_who_holds_the_leash(log: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, PARENT, str(log)], cwd=Path(__file__).parents[4])
    child = child_in(log)
    holder.kill()
    holder.wait()
    wait_until_gone(child)
