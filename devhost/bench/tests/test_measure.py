from contextlib import ExitStack
from pathlib import Path

import pytest

from devhost.bench.__main__ import measure
from devhost.bench.contenders import DEVHOST
from devhost.bench.figures import Line
from devhost.bench.outcomes import WrongOutcomeError
from devhost.bench.peer_process import PeerError
from devhost.bench.stage import Scale, Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, Scale((DEVHOST,), short=1, medium=1, long=1, idle_seconds=0), ExitStack())


def right(_stage: Stage) -> list[Line]:
    return [Line("right", "ms", {DEVHOST: [1.0]})]


def wrong_outcome(_stage: Stage) -> list[Line]:
    raise WrongOutcomeError("Run a is missing.")


def peer_that_failed(_stage: Stage) -> list[Line]:
    raise PeerError("the stack trace", "DBOS: Run b is Failed.")


def test_a_row_whose_runs_came_out_wrong_is_a_sentence_and_the_others_are_measured(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {"one": wrong_outcome, "two": peer_that_failed, "three": right}
    lines, failures = measure(stage, rows)
    assert [line.title for line in lines] == ["right"]
    assert failures == {"one": "Run a is missing.", "two": "DBOS: Run b is Failed."}
    assert "the stack trace" in capsys.readouterr().err


def test_a_fault_of_the_benchmark_itself_is_no_wrong_outcome(stage: Stage) -> None:
    def broken(_stage: Stage) -> list[Line]:
        raise KeyError("typing error")

    with pytest.raises(KeyError):
        measure(stage, {"broken": broken})
