"""devhost answers as Microsoft's Durable Task extension was recorded to answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.player.compare import compare
from tests.conformance.player.devhost_process import devhost_process
from tests.conformance.player.programs import play_programs
from tests.conformance.player.recorded_cases import CASES, play_cases

RECORDINGS = Path(__file__).resolve().parent / "recordings"


def recording(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RECORDINGS / name).read_text(encoding="utf-8"))
    return content


@pytest.fixture
def host() -> Iterator[str]:
    """Run the reference app on devhost, on a new task hub, and give its URL."""
    with devhost_process() as url:
        yield url


@pytest.mark.timeout(240)
def test_cases_are_answered_as_recorded(host: str) -> None:
    result = compare(recording("recorded.json"), play_cases(host), may_differ=recording("differs.json"))
    assert not result.differing, "\n".join(result.details(places=12))
    assert result.played == 89


@pytest.mark.timeout(240)
def test_programs_end_as_recorded(host: str) -> None:
    want = recording("programs.json")
    result = compare(want, play_programs(host, sorted(map(int, want))))
    assert not result.differing, "\n".join(result.details(places=6))
    assert result.played == 120


def test_every_recorded_case_is_played() -> None:
    assert CASES.keys() == recording("recorded.json").keys()
    assert recording("differs.json").keys() <= CASES.keys()
