"""`--host func` needs programs that not everybody has."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("missing", ["func", "azurite"])
def test_without_its_programs_the_run_ends_with_one_sentence(tmp_path: Path, missing: str) -> None:
    present = {"func", "azurite"} - {missing}
    for name in present:
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    assert shutil.which(missing, path=str(tmp_path)) is None
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--host", "func", "tests/integration"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True, timeout=50
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"ERROR: --host func needs '{missing}' on PATH, and there is none.")
