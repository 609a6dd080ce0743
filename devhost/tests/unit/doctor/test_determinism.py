"""Orchestrations that change from one replay to the next, found by the app's library: here another in its place."""

from pathlib import Path

from devhost.doctor import determinism
from devhost.doctor.finding import Level
from devhost.tests.unit.doctor.sick_app import make, place_of, write_app

LIBRARY = "durable_agents/determinism/__main__.py"


def test_what_the_library_finds_is_a_fault_with_its_line(tmp_path: Path) -> None:
    program = "import sys\nprint('function_app.py:9: clock: `time.time()` reads the clock. Take x.')\nsys.exit(1)\n"
    one = make(tmp_path, determinism.changing_orchestrations, {LIBRARY: program})
    assert (one.level, one.where) == (Level.FAULT, "function_app.py:9")
    assert one.what.startswith("clock: `time.time()` reads the clock. Take x.") and "non-determinism error" in one.what


def test_a_look_that_breaks_off_is_a_warning(tmp_path: Path) -> None:
    one = make(tmp_path, determinism.changing_orchestrations, {LIBRARY: "raise SystemExit('no such thing')\n"})
    assert one.level is Level.WARNING and "no such thing" in one.what


def test_what_finds_nothing_is_not_told(tmp_path: Path) -> None:
    place = place_of(write_app(tmp_path, {LIBRARY: "\n"}))
    assert [*determinism.changing_orchestrations(place)] == []
