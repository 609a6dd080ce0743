"""constraints.txt: the version of every package that the requirements bring in."""

import shutil
import subprocess
import sys
from pathlib import Path

from devhost.project.environment import CONSTRAINTS, EVERYTHING, build_venv
from devhost.project.files import remove
from devhost.project.installing import InstallError
from devhost.project.requirement_lines import is_pinned, logical_lines, normal_name, requirement

_HEADER = "# Every package that the direct pins bring in. Written by: python3 dev.py lock\n"


def write_constraints(root: Path) -> int:
    """Resolve the requirements without constraints, rewrite the file, and return how many packages it names."""
    folder = root / "build" / "lock"
    remove(folder)
    files = [name for name in EVERYTHING if (root / name).is_file()]
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, folder / name)
    (folder / CONSTRAINTS).touch()
    try:
        python = build_venv(folder / "venv", folder, files)
    except InstallError as error:
        sys.exit(str(error))
    frozen = subprocess.run([python, "-m", "pip", "freeze"], check=True, capture_output=True, text=True).stdout
    direct = {_name(line) for file in files for line in logical_lines((root / file).read_text(encoding="utf-8"))}
    lines = [line for line in frozen.splitlines() if is_pinned(line) and _name(line) not in direct]
    (root / CONSTRAINTS).write_text(_HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def _name(line: str) -> str:
    match = requirement(line)
    return normal_name(match["name"]) if match and is_pinned(line) else ""
