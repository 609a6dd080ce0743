"""devhost answers as Microsoft's Durable Task extension was recorded to answer."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.player.compare import compare
from tests.conformance.player.programs import play_programs
from tests.conformance.player.recorded_cases import CASES, play_cases

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
READY = "Listening on "
START_LIMIT = 30.0
STOP_LIMIT = 20.0


def recording(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((HERE / "recordings" / name).read_text(encoding="utf-8"))
    return content


@pytest.fixture
def host(tmp_path: Path) -> Iterator[str]:
    """Run the reference app on devhost, on a new task hub, and give its URL."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-m", "devhost", "start", "--app-root", str(HERE / "app"), "--port", "0"]
    output = tmp_path / "devhost.txt"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [*command, "--db", str(tmp_path / "state.db")],
            cwd=PROJECT,
            env={**os.environ, "REFERENCE_SCRATCH": str(scratch)},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        yield listening_url(process, output)
    finally:
        process.terminate()
        try:
            process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def listening_url(process: "subprocess.Popen[bytes]", output: Path) -> str:
    """Wait until devhost says where it listens."""
    end = time.monotonic() + START_LIMIT
    while time.monotonic() < end:
        for line in output.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(READY):
                return line.removeprefix(READY).split()[0]
        if process.poll() is not None:
            break
        time.sleep(0.05)
    pytest.fail(
        f"devhost did not get to {READY!r} in {START_LIMIT:g} s; it wrote:\n{output.read_text(errors='replace')}"
    )


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
