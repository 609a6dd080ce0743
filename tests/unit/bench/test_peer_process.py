"""Peers in processes of their own, with devhost for a peer: it needs nothing that only the benchmarks install."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.contenders import DEVHOST, contender
from bench.jitter import LOG_VARIABLE, open_gate, read_steps
from bench.peer import Contender, PeerError, PeerProcess


@pytest.fixture
def devhost(tmp_path: Path) -> Iterator[PeerProcess]:
    with PeerProcess(contender(DEVHOST), tmp_path) as process:
        yield process


def test_devhost_runs_what_it_is_asked_and_says_how_long_it_took(devhost: PeerProcess) -> None:
    assert len(devhost.ask("time_runs", "chain", 3, 2)) == 2
    assert devhost.ask("time_parallel", "fan_out", 5, 2) > 0
    assert len(devhost.ask("time_events", 2)) == 2
    assert devhost.ask("commits") > 0


def test_paused_runs_leave_the_process_idle(devhost: PeerProcess) -> None:
    devhost.ask("pause", 5)
    assert devhost.ask("idle", 0.2) < 0.2
    assert devhost.ask("memory") > 0


def test_runs_go_on_after_the_process_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "steps.log"
    monkeypatch.setenv(LOG_VARIABLE, str(log))
    with PeerProcess(contender(DEVHOST), tmp_path) as first:
        first.ask("start_jittered", 3, 2)
    assert read_steps(log) == []
    open_gate(log)
    with PeerProcess(contender(DEVHOST), tmp_path) as second:
        assert second.ask("wait_for_jittered", 3) == 3
    assert {(step.run, step.step) for step in read_steps(log)} == {(f"run-{n}", s) for n in range(3) for s in range(2)}


def test_a_failure_in_the_process_comes_back_with_its_stack_trace(devhost: PeerProcess) -> None:
    with pytest.raises(PeerError, match=r"(?s)devhost:.*AttributeError.*no_such_method"):
        devhost.ask("no_such_method")


def test_a_peer_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match=r"No module named 'bench.peers.missing'"):
        PeerProcess(Contender("missing", "bench.peers.missing"), tmp_path)
