"""The command as a whole: what is well stays unmentioned, each check has its test, nothing is changed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from devhost.doctor.command import CHECKS, Check, main
from devhost.tests.unit.doctor.sick_app import place_of, write_app

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An app in which nothing is wrong."""
    return write_app(tmp_path_factory.mktemp("well"), {".funcignore": "tests/\n.venv/\n"})


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.__module__}.{check.__name__}")
def test_a_check_finds_nothing_in_an_app_that_is_well(well: Path, check: Check) -> None:
    # Where the scheduler of the app is cannot be reached from a test.
    if check.__name__ != "unreachable_scheduler":
        assert [*check(place_of(well))] == []


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_check_has_a_test_that_makes_its_fault(check: Check) -> None:
    folders = (Path(__file__).parent, Path(__file__).parents[2] / "integration")
    tests = "".join(path.read_text("utf-8") for folder in folders for path in folder.glob("test_*.py"))
    assert f"{check.__module__.rpartition('.')[2]}.{check.__name__}" in tests


def test_it_needs_no_package_and_changes_nothing(tmp_path: Path) -> None:
    app = write_app(tmp_path, {"function_app.py": "import no_such_package\n"})
    before = sorted((path, path.stat().st_mtime_ns) for path in app.rglob("*") if ".venv" not in path.parts)
    program = (
        f"import sys; sys.path.insert(0, {os.fspath(ROOT)!r})\n"
        "from pathlib import Path\n"
        "from devhost.doctor.command import main\n"
        f"sys.exit(main(['--json', '--app-root', {os.fspath(app)!r}], Path('/nowhere')))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-B", "-c", program], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert [one["where"] for one in json.loads(done.stdout) if one["check"] == "import"] == ["function_app.py:1"]
    assert sorted((path, path.stat().st_mtime_ns) for path in app.rglob("*") if ".venv" not in path.parts) == before


def test_warnings_alone_are_status_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = write_app(tmp_path, {"requirements.txt": "azure-functions==0.1\n"})
    assert main(["--app-root", str(app)], Path("/nowhere")) == 0
    printed = capsys.readouterr().out
    assert "WARNING other-versions: " in printed and "\n  fix:   " in printed
    assert "fault" not in printed and "warning" in printed.splitlines()[-1]


def test_a_hub_that_was_named_and_is_not_there(well: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--app-root", str(well), "--db", str(well / "none.db")], Path("/nowhere")) == 1
    assert "FAULT hub-other: there is no task hub" in capsys.readouterr().out


def test_a_fault_is_status_1_and_comes_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = write_app(tmp_path, {"requirements.txt": "azure-functions==0.1\n", "function_app.py": "raise ValueError\n"})
    assert main(["--app-root", str(app)], Path("/nowhere")) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("FAULT import: ") and "1 fault, " in printed.splitlines()[-1]
