"""A made-up template in the layout of the real one: the user's files, two small libraries, their manifests."""

import shutil
from pathlib import Path

from devhost.project import manifest
from devhost.tests.unit.project.small_project import ROOT, copy_dev

USERS = {
    "function_app.py": "import settings\n",
    "settings.py": "",
    "conftest.py": "",
    "agents/__init__.py": "",
    "agents/writer.py": "NAME = 'Writer'\n",
    "orchestrations/review.py": "",
    "activities/send.py": "",
    "workflows/graph.py": "",
    "tests/agents/test_writer.py": "",
    "infra/main.bicep": "",
    "infra/tests/test_bicep.py": "",
    "azure.yaml": "name: durable-agents\nservices:\n  agents:\n    name: other\n",
    "pyproject.toml": '[project]\nname = "durable-agents"\nversion = "0.1.0"\ndescription = "x"\n[tool.ruff]\n',
    "host.json": "{}",
    "local.settings.json.example": "{}",
    "requirements.txt": "-c constraints.txt\nhttpx==1.0\n",
    "requirements-dev.txt": "-r requirements.txt\npytest==1.0\n",
    "constraints.txt": "# all\nanyio==1.0\n",
    ".gitignore": ".venv/\n",
    ".devcontainer/devcontainer.json": "{}",
    ".vscode/launch.json": "{}",
    ".vscode/tasks.json": "{}",
    "docker-compose.yml": "",
    ".funcignore": "tests/\n",
    "LICENSE": "MIT\n",
    "README.md": "# Durable agents\n",
    "CHANGELOG.md": "",
    "CONTRIBUTING.md": "",
    "docs/deployment.md": "",
    "examples/triage.py": "",
    "outbox/.gitkeep": "",
    "published/.gitkeep": "",
    ".agents/.gitkeep": "",
}
LIBRARIES = {
    "durable_agents/__init__.py": "",
    "durable_agents/app.py": "VERSION = '{version}'\n",
    "durable_agents/docs/agents.md": "",
    "durable_agents/docs/decisions/0001.md": "",
    "durable_agents/tests/test_app.py": "assert '{version}'\n",
    "durable_agents/CHANGELOG.md": "# Changes\n\n## 0.3.0\n\n- Brings three.\n\n## 0.2.0\n\n- Brings two.\n",
    "durable_agents/pyproject.toml": '[project]\nname = "durable-agents"\nversion = "{version}"\n',
    "devhost/host.py": "VERSION = '{version}'\n",
    "devhost/requirements.txt": "uvloop==1.0\n",
    "devhost/bench/rows.py": "",
    "devhost/tests/test_host.py": "assert '{version}'\n",
    "devhost/CHANGELOG.md": "# Changes\n\n## [0.3.0] - 2027-01-01\n\n- Hosts faster.\n\n## 0.2.0\n\n- Hosts.\n",
    "devhost/pyproject.toml": '[project]\nname = "devhost"\nversion = "{version}"\n',
}
OUTPUTS = {
    "outbox/mail.json": "secret",
    "published/article.json": "secret",
    ".agents/approval-link.key": "secret",
    ".devhost/state.db": "secret",
    ".venv/pyvenv.cfg": "",
    ".git/config": "secret",
    ".azure/dev/.env": "secret",
    ".env": "secret",
    "local.settings.json": "secret",
    "run.json": "secret",
    "agents/__pycache__/writer.pyc": "",
    "infra/.env": "secret",
    ".mypy_cache/x.json": "",
}


def make_template(folder: Path, version: str = "0.2.0", files: dict[str, str] | None = None) -> Path:
    """Make a released template; `files` are added to it, or replace files of it, before the release."""
    copy_dev(folder)
    shutil.copy(ROOT / "devhost" / "project" / "requirements.txt", folder / "devhost" / "project")
    write(folder, {name: text.replace("{version}", version) for name, text in (USERS | LIBRARIES).items()})
    write(folder, files or {})
    release(folder)
    return folder


def release(folder: Path) -> None:
    """Write the manifests of a template."""
    for library in manifest.LIBRARIES:
        manifest.write(folder, library)


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files below a folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="")


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder, without Python's caches."""
    paths = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
