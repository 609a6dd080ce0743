"""What is asked of a run that never rests takes effect at once, and a host that is stopped fails nothing."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devhost.testing.host_process import REPOSITORY, DevhostProcess
from devhost.tests.support.hub_over_http import HubOverHttp

SMALL_APP = REPOSITORY / "devhost" / "tests" / "apps" / "small"
STEPS = 3_000
FEW = 50


@pytest.fixture
def host(tmp_path: Path) -> Iterator[DevhostProcess]:
    with DevhostProcess(tmp_path, SMALL_APP) as process:
        yield process


def wait_for(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(("request_to", "status"), [("terminate", "Terminated"), ("suspend", "Suspended")])
def test_a_chain_that_computes_all_the_time_is_interrupted(host: DevhostProcess, request_to: str, status: str) -> None:
    with host.client() as http:
        hub = HubOverHttp(http)

        def steps_done() -> int:
            events = hub.status("chain", "?showHistory=true")["historyEvents"]
            return sum(event["EventType"] == "TaskCompleted" for event in events)

        hub.start("compute_again_and_again", "chain", STEPS)
        hub.until("chain", "Running")
        wait_for(lambda: steps_done() >= 10)
        assert hub.post(f"instances/chain/{request_to}?reason=enough").status_code == 202
        done = steps_done()
        hub.until("chain", status)
        assert steps_done() <= done + FEW < STEPS


def test_an_activity_that_calls_its_own_host_ends_well_while_that_stops(host: DevhostProcess, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    with host.client() as http:
        HubOverHttp(http).start("have_this_host_called", "call", {"path": str(notes), "seconds": 1})
        wait_for(notes.exists)
    assert host.stop() == 0
    host.start()
    with host.client() as http:
        assert HubOverHttp(http).until("call", "Completed", "Failed")["output"] == "got"
    assert notes.read_text() == "began\n"


def test_an_activity_that_calls_its_own_host_is_run_again_after_a_kill(host: DevhostProcess, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    with host.client() as http:
        HubOverHttp(http).start("have_this_host_called", "call", {"path": str(notes), "seconds": 1})
        wait_for(notes.exists)
    host.restart()
    with host.client() as http:
        assert HubOverHttp(http).until("call", "Completed", "Failed")["output"] == "got"
    assert notes.read_text() == "began\nbegan\n"
