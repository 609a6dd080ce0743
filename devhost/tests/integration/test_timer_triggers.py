"""Timer functions of a foreign app run on schedule, on the machine's clock and through the real worker library."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from devhost.testing.host_process import REPOSITORY, DevhostProcess

pytestmark = pytest.mark.devhost_only("it is devhost's list and log of triggers")

APP = REPOSITORY / "devhost" / "tests" / "apps" / "triggers"
WAIT_SECONDS = 20

Entries = list[dict[str, Any]]


class Diary:
    """What the app's functions wrote."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, *what: str) -> Entries:
        """Return the entries of these kinds, in order."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        entries = [json.loads(line) for line in lines]
        return [entry for entry in entries if entry["what"] in what]

    def wait(self, reached: Callable[[Entries], bool], *what: str) -> Entries:
        """Return the entries of these kinds as soon as `reached` holds for them."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not reached(entries := self.read(*what)):
            assert time.monotonic() < deadline, f"not reached within {WAIT_SECONDS} s: {entries}"
            time.sleep(0.02)
        return entries


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return Diary(tmp_path / "diary")


StartHost = Callable[..., DevhostProcess]


@pytest.fixture
def host(start_host: StartHost, diary: Diary) -> DevhostProcess:
    return start_host(APP, DIARY=str(diary.path))


def test_a_function_runs_every_second_at_the_full_second(host: DevhostProcess, diary: Diary) -> None:
    ticks = diary.wait(lambda ticks: len(ticks) >= 4, "tick")
    times = [datetime.fromisoformat(tick["at"]) for tick in ticks]
    assert all(at.microsecond < 500_000 for at in times)
    pauses = [(later - sooner).total_seconds() for sooner, later in pairwise(times)]
    assert pauses == pytest.approx([1] * len(pauses), abs=0.5)
    assert ticks[0] | {"at": ""} == {
        "what": "tick",
        "at": "",
        "past_due": False,
        "status": {},
        "schedule": {"AdjustForDST": True},
    }


def test_a_timer_function_starts_runs_through_its_durable_client(host: DevhostProcess, diary: Diary) -> None:
    diary.wait(lambda ticks: len(ticks) >= 2, "tick")
    with host.client() as http:
        runs = http.get("/runtime/webhooks/durabletask/instances").json()
    assert {run["name"] for run in runs} == {"ticked"}


def test_a_failing_function_runs_again_and_is_logged(host: DevhostProcess, diary: Diary) -> None:
    diary.wait(lambda entries: len(entries) >= 2, "stumble")
    assert "stumble failed: ValueError: stumbled" in host.output()


def test_a_function_does_not_overlap_with_itself(host: DevhostProcess, diary: Diary) -> None:
    entries = diary.wait(lambda entries: len(entries) >= 5, "dawdle begins", "dawdle ends")
    assert [entry["what"] for entry in entries[:5]] == (["dawdle begins", "dawdle ends"] * 3)[:5]


def test_run_on_startup_comes_at_once(host: DevhostProcess, diary: Diary) -> None:
    (entry,) = diary.wait(bool, "at_start")
    assert not entry["past_due"]
    assert entry["status"]["Last"] == "0001-01-01T00:00:00"
    assert entry["status"]["Next"].endswith("-01-01T00:00:00+00:00")


def test_what_cannot_be_scheduled_is_listed_with_the_reason(host: DevhostProcess, diary: Diary) -> None:
    assert "timerTrigger: at_start, dawdle, stumble, tick" in host.output()
    assert "NOT SERVED by_time_span: Schedule '00:05:00' is a TimeSpan" in host.output()
    assert "NOT SERVED by_missing_setting: Schedule '%NO_SUCH_SETTING%' names the setting" in host.output()


def test_stopping_waits_for_a_running_timer_function(host: DevhostProcess, diary: Diary) -> None:
    diary.wait(bool, "dawdle begins")
    assert host.stop() == 0
    assert len(diary.read("dawdle begins")) == len(diary.read("dawdle ends"))
