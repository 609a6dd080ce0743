"""The commands of docs/http-api.md, run in one shell against the real app, do what the story says."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

DOCUMENT = (Path(__file__).parents[1] / "docs" / "http-api.md").read_text(encoding="utf-8")
COMMANDS = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="needs bash and curl")
def test_no_command_of_the_story_is_refused(host: Any, tmp_path: Path) -> None:
    commands = COMMANDS.findall(DOCUMENT)
    script = "\n".join(commands).replace("localhost:7071", host.url.removeprefix("http://"))
    done = subprocess.run(["bash", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "urn:problem" not in done.stdout
    for state in ("Completed", "Suspended", "Running", "Terminated"):
        assert f'"runtime_status": "{state}"' in done.stdout
