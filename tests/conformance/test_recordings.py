"""devhost answers as Microsoft's Durable Task extension was recorded to answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.player.compare import compare
from tests.conformance.player.devhost_process import devhost_process
from tests.conformance.player.newest import as_newest
from tests.conformance.player.programs import play_programs
from tests.conformance.player.recorded_cases import CASES, play_cases

RECORDINGS = Path(__file__).resolve().parent / "recordings"


def recording(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RECORDINGS / name).read_text(encoding="utf-8"))
    return content


@pytest.fixture(params=["--verify", "--replay"])
def host(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the reference app on devhost, on a new task hub, and give its URL.

    Once with orchestrators that stay alive, each turn held to replay, and once with replay alone.
    """
    with devhost_process([request.param]) as url:
        yield url


@pytest.mark.timeout(240)
def test_cases_are_answered_as_recorded(host: str) -> None:
    want = as_newest(recording("recorded.json"), recording("newer.json"))
    result = compare(want, as_newest(play_cases(host, workers=24)), may_differ=recording("differs.json"))
    assert not result.differing, "\n".join(result.details(places=12))
    assert result.played == 89


@pytest.mark.timeout(240)
def test_programs_end_as_recorded(host: str) -> None:
    want = as_newest(recording("programs.json"))
    result = compare(want, as_newest(play_programs(host, sorted(map(int, want)))))
    assert not result.differing, "\n".join(result.details(places=6))
    assert result.played == 120


def test_every_recorded_case_is_played() -> None:
    assert CASES.keys() == recording("recorded.json").keys()
    assert recording("differs.json").keys() <= CASES.keys()
    assert recording("newer.json").keys() <= CASES.keys()
