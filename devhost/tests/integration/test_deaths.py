"""A function that ends the process does so three times at most: then its run fails, and everything else goes on."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.testing.host_process import REPOSITORY, DevhostProcess

pytestmark = pytest.mark.devhost_only("what ends the worker of the Functions host leaves the host alive")

APP = REPOSITORY / "devhost" / "tests" / "apps" / "deadly"
WEBHOOK = "/runtime/webhooks/durabletask"
DEATHS = 3
WAIT_SECONDS = 30


@pytest.fixture
def host(tmp_path: Path) -> Any:
    process = DevhostProcess(tmp_path, APP, RUNS=str(tmp_path / "runs"))
    process.start()
    yield process
    process.kill()


def start(host: DevhostProcess, orchestration: str, run_id: str, value: object = None) -> None:
    """Start a run; the host may end before it has answered."""
    try:
        with host.client() as http:
            assert http.post(f"{WEBHOOK}/orchestrators/{orchestration}/{run_id}", json=value).status_code == 202
    except httpx.TransportError:
        pass


def has_ended(host: DevhostProcess) -> bool:
    try:
        with host.client() as http:
            return not http.get(f"{WEBHOOK}/instances", timeout=1).is_success
    except httpx.TransportError:
        return True


def wait_for(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def end(host: DevhostProcess, run_id: str) -> dict[str, Any]:
    """Return how a run has ended."""
    with host.client() as http:
        wait_for(lambda: http.get(f"{WEBHOOK}/instances/{run_id}").status_code == 200)
        return dict(http.get(f"{WEBHOOK}/instances/{run_id}").json())


@pytest.mark.parametrize(
    ("orchestration", "what"),
    [
        ("calls", '"crash"'),
        ("calls", '"exit in an entity"'),
        ("calls_later", '"exit"'),
        ("ends", "null"),
    ],
    ids=["a crash in C", "an entity", "a coroutine", "an orchestrator"],
)
def test_work_that_has_ended_the_process_three_times_is_not_run_again(
    host: DevhostProcess, orchestration: str, what: str
) -> None:
    start(host, orchestration, "deadly", what)
    for _ in range(DEATHS - 1):
        wait_for(lambda: has_ended(host))
        host.kill()
        start_until_it_listens_or_ends(host)
    wait_for(lambda: has_ended(host))
    host.kill()
    host.start()
    status = end(host, "deadly")
    assert status["runtimeStatus"] == "Failed"
    assert "has ended the process of the host 3 times, and is not run again." in status["output"]
    assert "its code ended the last process of this host" in host.output()
    start(host, "calls", "beside", '"live"')
    assert end(host, "beside")["output"] == "live"
    # What was ended for it may be run anew, by who means it.
    assert host.stop() == 0
    assert sorted(path.name for path in host.database.parent.glob("state.db.*")) == ["state.db.lock"]


def start_until_it_listens_or_ends(host: DevhostProcess) -> None:
    """Start a host that goes on with deadly work: it may end before it has said that it listens."""
    try:
        host.start()
    except AssertionError as ended:
        assert "did not" in str(ended) or "ended" in str(ended), ended


def test_work_beside_it_is_not_blamed(host: DevhostProcess) -> None:
    start(host, "calls", "long", '"take long"')
    wait_for(lambda: "take long" in runs(host))
    start(host, "calls", "deadly", '"exit"')
    for _ in range(DEATHS):
        wait_for(lambda: has_ended(host))
        host.kill()
        start_until_it_listens_or_ends(host)
    assert end(host, "deadly")["runtimeStatus"] == "Failed"
    assert end(host, "long")["output"] == "take long"


def test_no_run_is_blamed_for_a_kill_from_outside(host: DevhostProcess) -> None:
    start(host, "calls", "long", '"take long"')
    for n in range(DEATHS + 2):
        wait_for(lambda n=n: runs(host).count("take long") > n)  # type: ignore[misc]
        host.kill()
        host.start()
    assert end(host, "long")["output"] == "take long"


def runs(host: DevhostProcess) -> list[str]:
    """Return what activities have been run."""
    noted = host.database.parent / "runs"
    return noted.read_text().splitlines() if noted.exists() else []
