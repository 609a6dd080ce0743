"""dev.py, run as its users run it: as a process, in a small project with a wheel of its own and no network."""

import ast
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
OFFLINE = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}
UNREACHABLE = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_EXTRA_INDEX_URL": "",
    "PIP_FIND_LINKS": "",
    "PIP_RETRIES": "1",
}
posix_only = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals and links")


def make_project(folder: Path) -> Path:
    """Make a project that dev.py can set up without an index: its only requirement is a wheel in the folder."""
    shutil.copy(ROOT / "dev.py", folder)
    with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "ANSWER = 42\n")
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.0.dist-info/RECORD", "")
    (folder / "requirements.txt").write_text("-c constraints.txt\n./tiny-1.0-py3-none-any.whl\n")
    (folder / "requirements-dev.txt").write_text("-r requirements.txt\n")
    (folder / "requirements-devhost.txt").write_text("# nothing\n")
    (folder / "constraints.txt").write_text("# nothing\n")
    (folder / "answer.py").write_text("import sys, tiny\nprint('answer', tiny.ANSWER, *sys.argv[1:])\n")
    return folder


def spawn(project: Path, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(project / "dev.py"), *arguments],
        env=os.environ | OFFLINE | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def dev(project: Path, *arguments: str, **environ: str) -> tuple[int, str]:
    process = spawn(project, *arguments, **environ)
    output, _ = process.communicate()
    return process.returncode, output


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose .venv is made; tests leave it so."""
    project = make_project(tmp_path_factory.mktemp("ready"))
    status, output = dev(project, "run", str(project / "answer.py"))
    assert (status, output.splitlines()[-1]) == (0, "answer 42"), output
    return project


def test_parses_on_old_pythons_and_tells_them_what_to_install() -> None:
    source = (ROOT / "dev.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))
    pretend = "import sys; sys.version_info = (3, 10, 4, 'final', 0); exec(open('dev.py').read())"
    done = subprocess.run([sys.executable, "-c", pretend], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr and "is Python 3.10" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_does_not_install_again_and_passes_arguments_on(ready: Path) -> None:
    assert dev(ready, "run", str(ready / "answer.py"), "--flag", "a b") == (0, "answer 42 --flag a b\n")


def test_passes_the_exit_status_on(ready: Path) -> None:
    assert dev(ready, "run", "-c", "raise SystemExit(7)") == (7, "")


@posix_only
def test_works_from_inside_the_venv_it_rebuilds(tmp_path: Path, ready: Path) -> None:
    project = tmp_path / "moved"
    shutil.copytree(ready, project, symlinks=True)
    inner = project / ".venv" / "bin" / "python"
    command = [str(inner), str(project / "dev.py"), "run", str(project / "answer.py")]
    done = subprocess.run(command, env=os.environ | OFFLINE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == ["answer 42"]


def test_rebuilds_when_a_requirement_file_changed(tmp_path: Path, ready: Path) -> None:
    project = tmp_path / "changed"
    shutil.copytree(ready, project, symlinks=True)
    (project / "constraints.txt").write_text("tiny==2.0\n")
    status, output = dev(project, "run", str(project / "answer.py"))
    assert status == 1
    assert "Could not install the requirements. ERROR:" in output and "Traceback" not in output
    assert str(Path(".venv", "setup.log")) in output
    assert not (project / ".venv" / "installed.sha256").exists()


def test_set_up_is_done_once_when_two_start_at_the_same_time(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    processes = [spawn(project, "run", str(project / "answer.py")) for _ in range(3)]
    outputs = [process.communicate()[0] for process in processes]
    assert [output.splitlines()[-1] for output in outputs] == ["answer 42"] * 3
    assert sum("Installing" in output for output in outputs) == 1


@posix_only
def test_a_killed_set_up_is_done_anew_once_its_pip_is_gone(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    first = spawn(project, "run", str(project / "answer.py"))
    while not list(project.glob(".venv/lib/*/site-packages/pip")):
        assert first.poll() is None
    first.kill()
    status, output = dev(project, "run", str(project / "answer.py"))
    assert (status, output.splitlines()[-1]) == (0, "answer 42"), output
    assert "waiting for it" in output, "the orphaned child still held the lock"
    first.communicate()


def test_no_network_is_one_sentence(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    (project / "requirements.txt").write_text("package-that-is-not-here==1.0\n")
    status, output = dev(project, "test", PIP_NO_INDEX="0", **UNREACHABLE)
    assert status == 1
    progress, sentence = output.splitlines()
    assert progress.startswith("Installing")
    assert sentence.startswith("Could not reach the package index.")


def test_missing_ensurepip_names_the_package_to_install(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    pretend = (
        "import runpy, sys; sys.modules['ensurepip'] = None; "
        "sys.argv = ['dev.py', 'test']; runpy.run_path('dev.py', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", pretend], cwd=project, capture_output=True, text=True)
    assert done.returncode == 1
    version = "{}.{}".format(*sys.version_info[:2])
    assert done.stderr.strip().endswith(f"On Debian and Ubuntu: sudo apt install python{version}-venv")


@posix_only
@pytest.mark.parametrize("command", [["start"], ["lint"]])
def test_ctrl_c_lets_the_child_end_cleanly(ready: Path, command: list[str]) -> None:
    child = (
        "import time\n"
        "try:\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    time.sleep(0.5)\n    print('ended cleanly')\n    raise SystemExit(3)\n"
    )
    for package in ("devhost", "ruff"):
        (ready / package).mkdir(exist_ok=True)
        (ready / package / "__main__.py").write_text(child)
    process = spawn(ready, *command)
    assert process.stdout is not None
    while "ready" not in process.stdout.readline():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate()
    assert (process.returncode, output) == (3, "ended cleanly\n")


@posix_only
def test_clean_removes_links_and_not_what_they_point_to(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    outside = tmp_path / "outside"
    (outside / "__pycache__").mkdir(parents=True)
    (outside / "kept.txt").write_text("kept")
    (project / ".venv").mkdir()
    for link in (project / ".venv" / "link", project / ".devhost", project / "linked"):
        link.symlink_to(outside)
    (project / "agents" / "__pycache__").mkdir(parents=True)
    status, output = dev(project, "clean")
    assert status == 0
    assert set(output.splitlines()) >= {"removed .venv", "removed .devhost", f"removed {Path('agents', '__pycache__')}"}
    assert (outside / "kept.txt").exists() and (project / "linked").is_symlink() and (project / "agents").is_dir()
    assert not (project / ".venv").exists() and not (project / ".devhost").is_symlink()


def test_clean_empties_the_folder_of_the_state_and_leaves_it(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    (project / ".agents" / "drafts").mkdir(parents=True)
    for name in (".gitkeep", "approval-link.key", "drafts/one.json"):
        (project / ".agents" / name).touch()
    status, output = dev(project, "clean")
    assert status == 0, output
    assert [path.name for path in (project / ".agents").iterdir()] == [".gitkeep"]


@pytest.mark.parametrize("arguments", [["deploy"], ["clean", "--all"], ["run"]])
def test_a_wrong_command_line_says_what_was_expected(tmp_path: Path, arguments: list[str]) -> None:
    status, output = dev(make_project(tmp_path), *arguments)
    assert status == 1
    assert len(output.splitlines()) == 1
    assert not (tmp_path / ".venv").exists()


@pytest.mark.smoke
def test_every_package_the_pins_bring_in_is_pinned_as_installed() -> None:
    """Also the check, on each Python the suite runs on, that constraints.txt fits that Python."""
    pins: dict[str, str] = {}
    for name in ("requirements.txt", "requirements-dev.txt", "constraints.txt"):
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            if re.match(r"[A-Za-z0-9]", line):
                requirement = Requirement(line)
                if requirement.marker is None or requirement.marker.evaluate():
                    pins[canonicalize_name(requirement.name)] = str(requirement.specifier)
    wrong = {}
    for name in reachable(set(pins)):
        installed = f"=={importlib.metadata.version(name)}"
        if pins.get(name) != installed:
            wrong[name] = f"installed {installed}, pinned {pins.get(name, 'nowhere')}"
    assert not wrong, "run python3 dev.py lock (CONTRIBUTING.md says how)"


def reachable(names: set[str]) -> set[str]:
    """Return these distributions and all that they need here, extras aside."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for line in importlib.metadata.requires(name) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(canonicalize_name(requirement.name))
    return found
