"""devhost answers as recorded also when its engine is opened anew, on the same file, after every commit."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devhost.tests.conformance.player.compare import compare
from devhost.tests.conformance.player.newest import as_newest
from devhost.tests.conformance.player.programs import play_programs
from devhost.tests.conformance.player.recorded_cases import play_cases

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[2]

# They look whether a file is there to tell their first turn from a replay: a commit of another run that comes between
# repeats the turn, which then is no longer the first. With nothing else running it is.
ALONE = ("drifting", "shrinking")


@dataclass(slots=True)
class ReopeningHost:
    """A host as `reopening_host.py` makes it; `times` is known when it has ended."""

    url: str
    times: int = 0


@contextmanager
def reopening_host(folder: Path) -> Iterator[ReopeningHost]:
    """Serve the reference app while the context lasts."""
    command = [sys.executable, "-m", "devhost.tests.conformance.reopening_host"]
    command += ["--app-root", str(HERE / "app"), "--db", str(folder / "state.db")]
    scratch, log = folder / "scratch", folder / "host.log"
    scratch.mkdir()
    environment = {**os.environ, "REFERENCE_SCRATCH": str(scratch)}
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as process,
    ):
        assert process.stdout is not None
        try:
            words = process.stdout.readline().split()
            assert words[:2] == ["Listening", "on"], f"the host did not start:\n{log.read_text(errors='replace')}"
            host = ReopeningHost(words[2])
            yield host
            process.terminate()
            host.times = int(process.stdout.readline().split()[1])
        finally:
            process.kill()


@pytest.mark.thorough
@pytest.mark.timeout(300)
def test_cases_are_answered_as_recorded(tmp_path: Path) -> None:
    with reopening_host(tmp_path) as host:
        got = play_cases(host.url)
        for name in ALONE:
            got |= play_cases(host.url, only=name)
    want = as_newest(recording("recorded.json"), recording("newer.json"))
    result = compare(want, as_newest(got), may_differ=recording("differs.json"))
    assert not result.differing, "\n".join(result.details(places=12))
    assert (result.as_recorded, len(result.on_purpose)) == (84, 5)
    assert host.times > 300


@pytest.mark.thorough
@pytest.mark.timeout(300)
def test_programs_end_as_recorded(tmp_path: Path) -> None:
    want = as_newest(recording("programs.json"))
    with reopening_host(tmp_path) as host:
        result = compare(want, as_newest(play_programs(host.url, sorted(map(int, want)), workers=16)))
    assert not result.differing, "\n".join(result.details(places=6))
    assert result.as_recorded == 120
    assert host.times > 500


def recording(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((HERE / "recordings" / name).read_text(encoding="utf-8"))
    return content
