"""The doctor finds no fault in this project as it is shipped."""

import json
import subprocess
import sys

import pytest

from devhost.testing.host_process import REPOSITORY


@pytest.mark.skipif((REPOSITORY / "local.settings.json").exists(), reason="what is set on this machine is not ours")
def test_there_is_no_fault() -> None:
    command = [sys.executable, str(REPOSITORY / "dev.py"), "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert [one for one in json.loads(done.stdout) if one["level"] == "fault"] == []
    assert done.returncode == 0, done.stderr
