"""A project made with `dev.py new` is a whole one: it is tested, served, extended as its README says, and upgraded.

Its tests and its host run on the interpreter of these tests, which has all that its own `.venv` would have.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from devhost.project import manifest

ROOT = Path(__file__).parents[3]
SNIPPET = re.compile(r"`(?P<file>[\w/]+\.py)`:\n\n```python\n(?P<text>.*?)```", re.DOTALL)

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.devhost_only("makes projects and serves them itself"),
    pytest.mark.skipif(
        not (ROOT / "durable_agents" / "tests").is_dir(), reason="a newer version is made from a clone of the template"
    ),
]


def dev(project: Path, *arguments: str) -> str:
    """Run dev.py of a project and return what it printed."""
    command = [sys.executable, str(project / "dev.py"), *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check(project: Path, *command: str) -> str:
    """Run a module in the folder of a project, as its dev.py does, and return what it printed."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def served(project: Path) -> Iterator[httpx.Client]:
    """Serve the app of a project with its own devhost."""
    command = [sys.executable, "-m", "devhost", "start", "--port", "0", "--ephemeral"]
    environ = {**os.environ, "MODEL_PROVIDER": "offline", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=project, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        try:
            for line in process.stdout:
                lines.append(line)
                if found := re.search(r"Listening on (\S+)", line):
                    with httpx.Client(base_url=f"{found[1]}/api", timeout=30) as client:
                        yield client
                    return
            raise AssertionError("".join(lines))
        finally:
            process.kill()


def add_the_critic_of_the_readme(project: Path) -> None:
    """Do what the README says: two files, and two lines in function_app.py."""
    written = [match.groups() for match in SNIPPET.finditer((project / "README.md").read_text(encoding="utf-8"))]
    assert [name for name, _ in written] == ["agents/critic.py", "tests/agents/test_critic.py"]
    for name, text in written:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text, encoding="utf-8")
    path = project / "function_app.py"
    app = path.read_text(encoding="utf-8")
    app, count = re.subn(r"^from agents import ", "from agents import critic, ", app, flags=re.MULTILINE)
    app, more = re.subn(
        r"^    agents=\[\n", "    agents=[\n        critic.create_critic(chat),\n", app, flags=re.MULTILINE
    )
    assert (count, more) == (1, 1)
    path.write_text(app, encoding="utf-8")


def newer_version(folder: Path) -> Path:
    """Pack a later version of this template, with one more file and one more pin."""
    source = folder / "template-9.0.0"
    names = ("durable_agents", "devhost", "dev.py", "constraints.txt", "requirements.txt", "requirements-dev.txt")
    ignored = shutil.ignore_patterns("__pycache__", "tests", "bench")
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source)
    for library in manifest.LIBRARIES:
        for name in ("pyproject.toml", "__init__.py"):
            path = source / library / name
            text = path.read_text(encoding="utf-8")
            path.write_text(re.sub(r'(?m)^(version|__version__) = ".*"', r'\1 = "9.0.0"', text), encoding="utf-8")
        (source / library / "CHANGELOG.md").write_text(f"## 9.0.0\n\n- News of {library}.\n")
        (source / library / "later.py").write_text('"""What came later."""\n')
        manifest.write(source, library)
    with (source / "constraints.txt").open("a", encoding="utf-8") as file:
        file.write("later==1.0\n")
    return Path(shutil.make_archive(str(folder / "newer"), "gztar", folder, source.name))


@pytest.mark.thorough
@pytest.mark.parametrize("flags", [["--bare"], []], ids=["bare", "samples"])
def test_a_project_is_made_extended_and_upgraded(tmp_path: Path, flags: list[str]) -> None:
    project = tmp_path / "Mein Projekt äöü 日本"
    dev(ROOT, "new", str(project), *flags)
    assert "1 passed" in check(project, "pytest", "-n", "0", "-q") or not flags
    add_the_critic_of_the_readme(project)
    check(project, "ruff", "check", "--fix", "-q", ".")
    check(project, "ruff", "format", "-q", "--check", ".")
    check(project, "pytest", "-n", "0", "-q")

    with served(project) as api:
        answer = api.post("/agents/Critic/run", json={"message": "All swans are white."}).json()
        assert (answer["status"], "All swans are white." in answer["response"]) == ("success", True)
    mine = {name: (project / name).read_bytes() for name in ("function_app.py", "agents/critic.py", "settings.py")}

    told = dev(project, "upgrade", str(newer_version(tmp_path)))
    assert "News of durable_agents." in told and "News of devhost." in told and "+ later==1.0" in told
    assert (project / "durable_agents" / "later.py").exists() and (project / "devhost" / "later.py").exists()
    assert {name: (project / name).read_bytes() for name in mine} == mine
    check(project, "pytest", "-n", "0", "-q", "tests")
    with served(project) as api:
        assert "Critic" in [agent["name"] for agent in api.get("/health/details").json()["agents"]]


@pytest.mark.thorough
def test_a_bare_project_passes_lint_and_types(tmp_path: Path) -> None:
    project = tmp_path / "bare"
    dev(ROOT, "new", str(project), "--bare")
    check(project, "ruff", "format", "--check", ".")
    check(project, "ruff", "check", ".")
    check(project, "mypy")
