"""dev.py new, run as a process on a made-up template: what a new project has, and what it has not."""

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from devhost.project import manifest
from devhost.project.new import project_name
from devhost.project.usage import UsageError
from devhost.tests.unit.project.small_project import dev
from devhost.tests.unit.project.template import LIBRARIES, OUTPUTS, USERS, make_template, snapshot, write

NOT_COPIED = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/", "examples/")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template in which everything was run once."""
    folder = make_template(tmp_path_factory.mktemp("the template") / "ä")
    write(folder, OUTPUTS)
    return folder


def test_a_new_project_has_what_is_the_users_and_the_libraries_without_their_tests(
    template: Path, tmp_path: Path
) -> None:
    status, output = dev(template, "new", str(tmp_path / "My Shop"))
    assert status == 0, output
    made = snapshot(tmp_path / "My Shop")
    libraries = {name for name in LIBRARIES if not any(part in name for part in ("/tests/", "/bench/", "/decisions/"))}
    users = {name for name in USERS if not name.startswith(NOT_COPIED)}
    assert made.keys() >= libraries | users | {"dev.py", "README.md", "devhost/project/new.py"}
    assert not made.keys() & OUTPUTS.keys()
    assert not any(content == b"secret" for content in made.values())
    assert not {name for name in made if name.startswith(NOT_COPIED)} - {"README.md"}
    assert not {name for name in made if name.startswith(("durable_agents/tests", "devhost/tests", "devhost/bench"))}
    assert [manifest.differences(tmp_path / "My Shop", library) for library in manifest.LIBRARIES] == [[], []]


def test_its_names_are_its_own(template: Path, tmp_path: Path) -> None:
    dev(template, "new", "My Shop", cwd=tmp_path)
    project = tmp_path / "My Shop"
    assert tomllib.loads((project / "pyproject.toml").read_text())["project"]["name"] == "my-shop"
    assert (project / "azure.yaml").read_text() == "name: my-shop\nservices:\n  agents:\n    name: other\n"
    assert (project / "README.md").read_text(encoding="utf-8").startswith("# my-shop\n")
    assert "[tool.ruff]" in (project / "pyproject.toml").read_text()


def test_a_bare_one_has_one_agent_one_orchestration_and_one_test(template: Path, tmp_path: Path) -> None:
    assert dev(template, "new", "--bare", "shop", cwd=tmp_path)[0] == 0
    made = snapshot(tmp_path / "shop")
    own = {name for name in made if name.split("/")[0] in {"agents", "orchestrations", "activities", "workflows"}}
    inits = {f"{folder}/__init__.py" for folder in ("agents", "orchestrations", "activities", "workflows")}
    assert own == {*inits, "agents/writer.py", "orchestrations/text_refinement.py"}
    assert [name for name in made if "tests/" in name and not name.startswith("devhost")] == [
        "tests/test_text_refinement.py"
    ]
    assert {"infra/main.bicep", "settings.py", "host.json", "outbox/.gitkeep"} <= made.keys()


def test_a_project_that_was_made_makes_another(template: Path, tmp_path: Path) -> None:
    dev(template, "new", "first", cwd=tmp_path)
    write(tmp_path / "first", {"prompts/texts.py": "", "agents/critic.py": ""})
    status, output = dev(tmp_path / "first", "new", str(tmp_path / "second"))
    assert status == 0, output
    first, second = snapshot(tmp_path / "first"), snapshot(tmp_path / "second")
    assert first.keys() == second.keys()
    assert {name for name in first if first[name] != second[name]} == {"README.md", "azure.yaml", "pyproject.toml"}


def test_a_folder_that_has_something_in_it_is_left_alone(template: Path, tmp_path: Path) -> None:
    write(tmp_path / "shop", {"mine.txt": "mine"})
    status, output = dev(template, "new", str(tmp_path / "shop"))
    assert status == 1 and len(output.splitlines()) == 1 and "is not an empty folder" in output
    assert snapshot(tmp_path) == {"shop/mine.txt": b"mine"}
    (tmp_path / "empty").mkdir()
    assert dev(template, "new", str(tmp_path / "empty"))[0] == 0


@pytest.mark.parametrize("arguments", [[], ["one", "two"], ["--force", "one"], ["--bare"], ["a;b"], ["日本"], ["-x"]])
def test_what_cannot_be_made_is_one_sentence(template: Path, tmp_path: Path, arguments: list[str]) -> None:
    status, output = dev(template, "new", *arguments, cwd=tmp_path)
    assert status == 1 and len(output.splitlines()) == 1, output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("folder", "name"),
    [("shop", "shop"), ("My Shop", "my-shop"), ("Größe äöü", "grosse-aou"), ("agents_2.0", "agents-2-0")],
)
def test_the_name_comes_from_the_folder(folder: str, name: str) -> None:
    assert project_name(folder) == name


@pytest.mark.parametrize("folder", ["", ".", ".shop", "1st", "a", "x" * 64, "a$b", "a\nb", "a'b", "-a", "__"])
def test_names_that_files_do_not_take_are_refused(folder: str) -> None:
    with pytest.raises(UsageError):
        project_name(folder)


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.parametrize("at", [1, 7, 30])
def test_a_kill_leaves_no_half_made_project(template: Path, tmp_path: Path, at: int) -> None:
    """The process is killed where it opens its n-th file of the new project for writing."""
    killed = (
        "import os, runpy, signal, sys\n"
        "left = [int(sys.argv[1])]\n"
        "def hook(event, arguments):\n"
        "    if event == 'shutil.copyfile':\n"
        "        left[0] -= 1\n"
        "        if not left[0]: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.addaudithook(hook)\n"
        "sys.argv = sys.argv[2:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    command = [sys.executable, "-c", killed, str(at), str(template / "dev.py"), "new", str(tmp_path / "shop")]
    assert subprocess.run(command, capture_output=True).returncode == -signal.SIGKILL
    assert not (tmp_path / "shop").exists()
    assert dev(template, "new", str(tmp_path / "shop"))[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]
