"""dev.py, run as its users run it: as a process, in a small project with a wheel of its own and no network."""

import ast
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devhost.tests.unit.project.small_project import OFFLINE, ROOT, dev, make_project, spawn, write_wheel

UNREACHABLE = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_EXTRA_INDEX_URL": "",
    "PIP_FIND_LINKS": "",
    "PIP_NO_INDEX": "0",
    "PIP_RETRIES": "1",
}
posix_only = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals and links")


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
    assert done.stdout.splitlines()[-1] == "answer 42"


def test_requirements_that_cannot_be_installed_are_one_sentence(tmp_path: Path, ready: Path) -> None:
    project = copy_of(ready, tmp_path)
    with (project / "requirements.txt").open("a") as file:
        file.write("tiny==2.0\n")
    status, output = dev(project, "run", str(project / "answer.py"))
    assert status == 1
    assert "Could not install the requirements. ERROR:" in output and "Traceback" not in output
    assert str(Path(".venv", "setup.log")) in output


def test_what_is_asked_for_anew_is_added_and_the_rest_stays(tmp_path: Path, ready: Path) -> None:
    project = copy_of(ready, tmp_path)
    assert dev(project, "run", "-c", "")[0] == 0
    kept = project / ".venv" / "kept.txt"
    kept.touch()
    write_wheel(project, "small")
    (project / "requirements-dev.txt").write_text("-r requirements.txt\n./small-1.0-py3-none-any.whl\n")
    status, output = dev(project, "run", "-c", "import tiny, small; print(small.ANSWER)")
    assert (status, output.splitlines()[-1]) == (0, "42"), output
    assert "Adding to .venv" in output and kept.exists()
    status, output = dev(project, "start")
    assert "Adding" not in output and "Setting up" not in output, "all that start needs is there"


def test_what_is_asked_for_no_longer_is_gone(tmp_path: Path, ready: Path) -> None:
    project = copy_of(ready, tmp_path)
    (project / "requirements.txt").write_text("-c constraints.txt\n")
    status, output = dev(project, "run", "-c", "import tiny")
    assert status == 1
    assert "Setting up .venv" in output and "No module named 'tiny'" in output


def test_a_mistake_in_a_requirement_file_costs_no_set_up(tmp_path: Path, ready: Path) -> None:
    project = copy_of(ready, tmp_path)
    assert dev(project, "run", "-c", "")[0] == 0
    before = (project / "requirements.txt").read_text()
    (project / "requirements.txt").write_text(before + "not-there==1.0\n")
    assert dev(project, "run", "-c", "")[0] == 1
    (project / "requirements.txt").write_text(before)
    assert dev(project, "run", str(project / "answer.py")) == (0, "answer 42\n")


def copy_of(ready: Path, tmp_path: Path) -> Path:
    """Copy a project with its .venv, which then is one of another place and made anew."""
    project = tmp_path / "copy"
    shutil.copytree(ready, project, symlinks=True)
    return project


@posix_only
def test_a_set_up_that_is_killed_anywhere_is_repaired(tmp_path: Path, ready: Path) -> None:
    project = copy_of(ready, tmp_path)
    kept: set[bool] = set()
    for count in (1, 300):
        process = spawn(project, "run", "-c", "")
        while process.poll() is None and len(list((project / ".venv").rglob("*"))) < count:
            time.sleep(0.01)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        kept.add((project / ".venv" / "installed.json").exists())
        status, output = dev(project, "run", str(project / "answer.py"))
        assert (status, output.splitlines()[-1]) == (0, "answer 42"), output
        shutil.rmtree(project / ".venv")
    assert False in kept, "no set-up was killed before its end"


def test_progress_is_a_line_a_stage_without_control_codes(tmp_path: Path) -> None:
    status, output = dev(make_project(tmp_path), "run", "-c", "")
    assert status == 0
    assert "  requirements.txt: 1 package, 0 MB, " in output
    assert "\r" not in output and "\x1b" not in output


@posix_only
def test_progress_moves_on_a_terminal(tmp_path: Path) -> None:
    import pty

    project = make_project(tmp_path)
    ours, theirs = pty.openpty()
    command = [sys.executable, str(project / "dev.py"), "run", "-c", ""]
    process = subprocess.Popen(command, env=os.environ | OFFLINE, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(ours)
    assert process.wait() == 0, shown
    assert b"\r  pip: " in shown and b"0 packages found, 0 s" in shown


def test_set_up_is_done_once_when_two_start_at_the_same_time(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    processes = [spawn(project, "run", str(project / "answer.py")) for _ in range(3)]
    outputs = [process.communicate()[0] for process in processes]
    assert [output.splitlines()[-1] for output in outputs] == ["answer 42"] * 3
    assert sum("Setting up" in output for output in outputs) == 1


@posix_only
def test_a_killed_set_up_is_done_anew_once_its_pip_is_gone(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    first = spawn(project, "run", str(project / "answer.py"))
    while not list(project.glob(".venv/lib/*/site-packages/pip")):
        assert first.poll() is None
    # It is held where it is, so that it does not end before the second has come.
    children = subprocess.run(["pgrep", "-P", str(first.pid)], capture_output=True, text=True, check=True)
    orphans = [int(one) for one in children.stdout.split()]
    for orphan in orphans:
        os.kill(orphan, signal.SIGSTOP)
    first.kill()
    second = spawn(project, "run", str(project / "answer.py"))
    assert second.stdout is not None
    lines = iter(second.stdout.readline, "")
    assert any("waiting for it" in line for line in lines), "the orphaned child still held the lock"
    for orphan in orphans:
        os.kill(orphan, signal.SIGCONT)
    last = list(lines)[-1]
    assert (second.wait(), last) == (0, "answer 42\n")
    first.communicate()


def test_no_network_is_one_sentence(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    (project / "requirements.txt").write_text("package-that-is-not-here==1.0\n")
    status, output = dev(project, "test", environ=UNREACHABLE)
    assert status == 1
    sentence = output.splitlines()[-1]
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
def test_ctrl_c_lets_the_child_end_cleanly(tmp_path: Path, ready: Path, command: list[str]) -> None:
    child = (
        "import time\n"
        "try:\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    time.sleep(0.5)\n    print('ended cleanly')\n    raise SystemExit(3)\n"
    )
    project = copy_of(ready, tmp_path)
    for package in ("devhost", "ruff"):
        (project / package).mkdir(exist_ok=True)
        (project / package / "__main__.py").write_text(child)
    process = spawn(project, *command)
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
