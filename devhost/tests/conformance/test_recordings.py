"""The host of the tests answers as Microsoft's Durable Task extension was recorded to answer."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devhost.testing.plugin import NewHost
from devhost.tests.conformance.player.compare import compare
from devhost.tests.conformance.player.devhost_process import devhost_process
from devhost.tests.conformance.player.newest import as_newest
from devhost.tests.conformance.player.programs import play_programs
from devhost.tests.conformance.player.recorded_cases import CASES, play_cases

APP = Path(__file__).resolve().parent / "app"
RECORDINGS = Path(__file__).resolve().parent / "recordings"


def recording(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RECORDINGS / name).read_text(encoding="utf-8"))
    return content


@dataclass(frozen=True, slots=True)
class Played:
    """A host of the reference app, on a new task hub.

    Attributes:
        url: Its base URL.
        workers: How many cases it plays at once.
        slowness: How many times as long as for devhost it is waited for.
        may_differ: The cases that differ there, each with the reason.
    """

    url: str
    workers: int
    slowness: float
    may_differ: dict[str, str]


_REPLAY = pytest.param("--replay", marks=[pytest.mark.devhost_only("only devhost has flags"), pytest.mark.thorough])


@pytest.fixture(params=["--verify", _REPLAY])
def reference(request: pytest.FixtureRequest, new_host: NewHost, tmp_path: Path) -> Iterator[Played]:
    """The reference app on the host of the tests.

    On devhost once with orchestrators that stay alive, each turn held to replay, and once with replay alone.
    """
    if request.param == "--replay":
        with devhost_process([request.param]) as url:
            yield Played(url, 24, 1, recording("differs.json"))
        return
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with new_host(tmp_path / "host", APP, REFERENCE_SCRATCH=str(scratch)) as host:
        if request.config.getoption("host") == "func":
            yield Played(host.url, 12, 6, recording("differs-azure-storage.json"))
        else:
            yield Played(host.url, 24, 1, recording("differs.json"))
        host.stop()


@pytest.mark.sample
@pytest.mark.timeout(600)
def test_cases_are_answered_as_recorded(reference: Played) -> None:
    want = as_newest(recording("recorded.json"), recording("newer.json"))
    played = as_newest(play_cases(reference.url, workers=reference.workers, slowness=reference.slowness))
    result = compare(want, played, may_differ=reference.may_differ)
    assert not result.differing, "\n".join(result.details(places=12))
    assert result.played == 89


@pytest.mark.sample
@pytest.mark.timeout(600)
def test_programs_end_as_recorded(reference: Played) -> None:
    want = as_newest(recording("programs.json"))
    played = as_newest(play_programs(reference.url, sorted(map(int, want)), slowness=reference.slowness))
    result = compare(want, played)
    assert not result.differing, "\n".join(result.details(places=6))
    assert result.played == 120


@pytest.mark.thorough
@pytest.mark.devhost_only("only devhost has flags")
@pytest.mark.timeout(240)
def test_programs_end_as_recorded_with_timers_that_fire_early() -> None:
    want = as_newest(recording("programs.json"))
    with devhost_process(["--verify", "--early-timers"]) as url:
        result = compare(want, as_newest(play_programs(url, sorted(map(int, want)))))
    assert not result.differing, "\n".join(result.details(places=6))
    assert result.played == 120


def test_every_recorded_case_is_played() -> None:
    assert CASES.keys() == recording("recorded.json").keys()
    for name in ("differs.json", "differs-azure-storage.json", "newer.json"):
        assert recording(name).keys() <= CASES.keys()
