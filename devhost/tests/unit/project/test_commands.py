"""The commands of dev.py, each with the program that it runs replaced by one that shows its arguments."""

import shutil
from pathlib import Path

import pytest

from devhost.project.commands import COMMANDS
from devhost.tests.unit.project.small_project import ROOT, dev, make_project
from devhost.tests.unit.project.template import write

ECHO = "import sys\nprint({name!r}, *sys.argv[1:])\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose tools say how they were called; ruff finds something wrong when there is a file wrong.py."""
    folder = make_project(tmp_path_factory.mktemp("commands"))
    for name in ("devhost", "pytest", "mypy"):
        write(folder, {f"{name}/__main__.py": ECHO.format(name=name)})
    wrong = "import os\nsys.exit(int('--check' in sys.argv and os.path.exists('wrong.py')))\n"
    write(folder, {"ruff/__main__.py": ECHO.format(name="ruff") + wrong, "tests/test_x.py": ""})
    return folder


def last_line(project: Path, *arguments: str) -> str:
    status, output = dev(project, *arguments)
    assert status == 0, output
    return output.splitlines()[-1]


def test_start_says_welcome_where_there_is_a_text(project: Path) -> None:
    assert last_line(project, "start", "--port", "1") == "devhost start --port 1"
    (project / "welcome.txt").touch()
    assert last_line(project, "start", "--port", "1") == "devhost start --welcome welcome.txt --port 1"
    (project / "welcome.txt").unlink()


@pytest.mark.parametrize("flag", ["--otlp", "--otlp=http://collector:4318"])
def test_the_exporter_is_installed_for_a_start_that_asks_for_it(project: Path, flag: str) -> None:
    write(project, {"devhost/requirements-otlp.txt": ""})
    installed = project / ".venv" / "installed.json"
    installed.unlink(missing_ok=True)
    assert last_line(project, "start") == "devhost start"
    assert "requirements-otlp" not in installed.read_text(encoding="utf-8")
    assert last_line(project, "start", flag) == f"devhost start {flag}"
    assert "requirements-otlp" in installed.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["inspect", "reset"])
def test_commands_of_devhost_are_passed_through(project: Path, command: str) -> None:
    assert last_line(project, command, "--db", "a b") == f"devhost {command} --db a b"


def test_few_tests_run_in_one_process(project: Path) -> None:
    assert last_line(project, "test", "tests", "-x") == "pytest -n 0 tests -x"
    assert last_line(project, "test") == "pytest -n 0", "all there is are tests of a user"
    (project / "devhost" / "tests").mkdir()
    assert last_line(project, "test", "-n", "3").endswith("--dist worksteal -n 3")
    (project / "devhost" / "tests").rmdir()


def test_lint_says_how_to_put_it_right_and_fix_does_it(project: Path) -> None:
    (project / "wrong.py").touch()
    status, output = dev(project, "lint")
    assert status == 1 and output.splitlines()[-1].endswith("python3 dev.py fix")
    assert "mypy" not in output
    (project / "wrong.py").unlink()
    assert last_line(project, "lint") == "mypy"
    status, output = dev(project, "fix")
    assert [line for line in output.splitlines() if line.startswith("ruff")] == ["ruff check --fix .", "ruff format ."]


def test_lint_looks_at_orchestrations_where_the_library_can(project: Path) -> None:
    echo = ECHO.format(name="determinism") + "sys.exit(os.path.exists('story.py'))\n"
    write(project, {"durable_agents/determinism/__main__.py": f"import os\n{echo}"})
    status, output = dev(project, "lint")
    lines = output.splitlines()
    assert status == 0 and lines.index("determinism .") < lines.index("mypy")
    (project / "story.py").touch()
    status, output = dev(project, "lint")
    assert status == 1 and output.splitlines()[-1] == "determinism ."
    (project / "story.py").unlink()
    shutil.rmtree(project / "durable_agents" / "determinism")
    assert last_line(project, "lint") == "mypy"


@pytest.mark.parametrize("command", ["conformance", "bench"])
def test_what_only_a_clone_can_do_is_one_line_elsewhere(project: Path, command: str) -> None:
    status, output = dev(project, command)
    assert status == 1 and len(output.splitlines()) == 1 and "a clone of the template has it" in output


@pytest.mark.parametrize("command", ["lint", "fix", "lock", "clean", "release"])
def test_flags_that_a_command_has_not_are_one_line(project: Path, command: str) -> None:
    status, output = dev(project, command, "--all")
    assert status == 1 and len(output.splitlines()) == 1 and "takes no arguments" in output


def test_every_command_is_in_the_help(project: Path) -> None:
    status, output = dev(project)
    assert status == 0
    assert [name for name in COMMANDS if f"python3 dev.py {name}" not in output] == []


def test_without_devhost_it_says_so(tmp_path: Path) -> None:
    shutil.copy(ROOT / "dev.py", tmp_path)
    status, output = dev(tmp_path, "start")
    assert status == 1 and len(output.splitlines()) == 1 and "devhost/" in output
