"""The commands of durable_agents/docs/http-api.md, run in two shells against the real app, do what the stories say."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

DOCUMENT = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text(encoding="utf-8")
STORIES = DOCUMENT.partition("\n## OpenAPI\n")[0]
RUNS, APPROVALS = STORIES.split("\n## Approvals\n")
COMMANDS = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="needs bash and curl")
def test_no_command_of_the_story_is_refused(host: Any, tmp_path: Path) -> None:
    commands = COMMANDS.findall(RUNS)
    script = "\n".join(commands).replace("localhost:7071", host.url.removeprefix("http://"))
    done = subprocess.run(["bash", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "urn:problem" not in done.stdout
    for state in ("Completed", "Suspended", "Running", "Terminated"):
        assert f'"runtime_status": "{state}"' in done.stdout


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="needs bash and curl")
def test_the_commands_tell_the_story_of_an_approval(host: Any) -> None:
    commands = COMMANDS.findall(APPROVALS)
    script = "\nprintf '\\0'\n".join(commands).replace("http://localhost:7071", host.url)
    done = subprocess.run(["bash", "-eu", "-c", script], cwd=host.outbox.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    started, listed, decided, again, by_link, _third, noted = done.stdout.split("\0")
    assert '"stage": "waiting_for_approval"' in started
    assert started.partition('"request_id": "')[2][:36] in listed
    assert '"status": "decided"' in decided
    assert again == decided
    assert '"invisible_characters": 0' in by_link
    assert '"channel": "link"' in by_link
    assert "A decision was ignored: it names another draft." in noted
