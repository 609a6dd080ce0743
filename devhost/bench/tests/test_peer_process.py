"""Peers in processes of their own, with devhost for a peer: it needs nothing that only the benchmarks install."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from devhost.bench.contenders import DEVHOST, contender, jittered_contender
from devhost.bench.jitter import LOG_VARIABLE, SECONDS_VARIABLE, open_gate, read_steps
from devhost.bench.outcomes import WrongOutcomeError, check
from devhost.bench.peer_process import Contender, PeerError, PeerProcess


@pytest.fixture
def devhost(tmp_path: Path) -> Iterator[PeerProcess]:
    with PeerProcess(contender(DEVHOST), tmp_path) as process:
        yield process


def test_devhost_runs_what_it_is_asked_and_says_how_long_it_took(devhost: PeerProcess) -> None:
    assert len(devhost.ask("time_runs", "chain", 3, 2)) == 2
    assert devhost.ask("time_parallel", "fan_out", 5, 2) > 0
    assert len(devhost.ask("time_events", 2)) == 2
    assert devhost.ask("time_chains_with_events", 24, 2) > 0
    assert devhost.ask("commits") > 0


def test_paused_runs_leave_the_process_idle(devhost: PeerProcess) -> None:
    devhost.ask("pause", 5)
    assert devhost.ask("idle", 0.2) < 0.2
    assert devhost.ask("memory") > 0


def test_paused_runs_complete_with_what_their_event_says(devhost: PeerProcess) -> None:
    devhost.ask("pause", 5)
    devhost.ask("resume")


def test_runs_go_on_after_the_process_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "steps.log"
    monkeypatch.setenv(LOG_VARIABLE, str(log))
    monkeypatch.setenv(SECONDS_VARIABLE, "0 0.02")
    with PeerProcess(jittered_contender(DEVHOST), tmp_path) as first:
        first.ask("start_jittered", 3, 2)
    assert read_steps(log) == []
    open_gate(log)
    with PeerProcess(jittered_contender(DEVHOST), tmp_path) as second:
        assert second.ask("wait_for_jittered", 3, 2) > second.ready_at
    assert {(step.run, step.step) for step in read_steps(log)} == {(f"run-{n}", s) for n in range(3) for s in range(2)}


def test_a_failure_in_the_process_comes_back_with_its_stack_trace(devhost: PeerProcess) -> None:
    with pytest.raises(PeerError, match=r"(?s)devhost:.*AttributeError.*no_such_method"):
        devhost.ask("no_such_method")


def test_a_run_of_devhost_that_failed_is_told_and_has_no_time(devhost: PeerProcess) -> None:
    runs, seconds = devhost.ask("run_timed", "no_such_orchestration", 1, 1)
    assert seconds > 0  # the engine is content with any end
    (outcome,) = devhost.ask("outcomes", runs)
    with pytest.raises(WrongOutcomeError, match=r"is Failed \(.*no_such_orchestration.*\), expected Completed with 1"):
        check(runs, [outcome], 1)


def test_a_run_that_is_not_in_the_task_hub_has_no_outcome(devhost: PeerProcess) -> None:
    assert devhost.ask("outcomes", ["nobody"]) == []


def test_a_wrong_outcome_comes_back_as_a_sentence(devhost: PeerProcess) -> None:
    with pytest.raises(PeerError) as caught:
        devhost.ask("time_chains_with_events", 0, 2)  # without steps it listens for no event
    assert re.fullmatch(r"devhost: Run \w+ completed with \[0\], expected \[0, 0, 1, .*, 11\]\.", caught.value.reason)


def test_a_process_may_be_ended_twice(devhost: PeerProcess) -> None:
    devhost.kill()
    devhost.kill()
    with pytest.raises(OSError, match="closed"):
        devhost.ask("memory")


def test_a_peer_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match=r"No module named 'devhost.bench.peers.missing'"):
        PeerProcess(Contender("missing", "devhost.bench.peers.missing"), tmp_path)
