from pathlib import Path

import pytest

from devhost.bench.jitter import LOG_VARIABLE, SECONDS_VARIABLE, jittered_step, open_gate, read_steps


async def test_a_step_returns_its_number_and_leaves_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "steps.log"
    monkeypatch.setenv(LOG_VARIABLE, str(log))
    monkeypatch.setenv(SECONDS_VARIABLE, "0 0.01")
    open_gate(log)
    assert [await jittered_step("run-7", 0), await jittered_step("run-7", 1)] == [0, 1]
    assert [(step.run, step.step) for step in read_steps(log)] == [("run-7", 0), ("run-7", 1)]


def test_without_a_log_no_step_has_run(tmp_path: Path) -> None:
    assert read_steps(tmp_path / "steps.log") == []
