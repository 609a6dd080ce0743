"""A project that dev.py can set up in a second without a package index, and dev.py run in it as its users run it."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[4]
OFFLINE = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}


def make_project(folder: Path) -> Path:
    """Make a project whose only requirement is a wheel in it."""
    copy_dev(folder)
    write_wheel(folder, "tiny")
    files = {
        "requirements.txt": "-c constraints.txt\n./tiny-1.0-py3-none-any.whl\n",
        "constraints.txt": "# nothing\n",
        "answer.py": "import sys, tiny\nprint('answer', tiny.ANSWER, *sys.argv[1:])\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def copy_dev(folder: Path) -> None:
    """Put dev.py and what it does into a folder, without the pin of a newer pip, which would take an index."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "dev.py", folder)
    shutil.copytree(
        ROOT / "devhost" / "project",
        folder / "devhost" / "project",
        ignore=shutil.ignore_patterns("__pycache__", "requirements.txt"),
    )
    shutil.copy(ROOT / "devhost" / "__init__.py", folder / "devhost")


def write_wheel(folder: Path, name: str) -> None:
    """Write the wheel of a package `name` 1.0 with the constant ANSWER."""
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "ANSWER = 42\n")
        wheel.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")


def spawn(
    project: Path, *arguments: str, cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start dev.py."""
    return subprocess.Popen(
        [sys.executable, str(project / "dev.py"), *arguments],
        cwd=cwd,
        env=os.environ | OFFLINE | dict(environ or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )


def dev(
    project: Path, *arguments: str, cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run dev.py and return its exit status and all that it printed."""
    process = spawn(project, *arguments, cwd=cwd, environ=environ)
    output, _ = process.communicate()
    return process.returncode, output
