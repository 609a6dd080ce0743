"""The curl commands of examples/public_samples/README.md, run in one shell against that app.

A command is expected to succeed, unless a comment behind it says `# answers 400`, or another status.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

README = (Path(__file__).parents[1] / "public_samples" / "README.md").read_text(encoding="utf-8")
# Each curl tells its status on stderr, where no pipe takes it.
REPORT_STATUS = "curl() { command curl -w '%{stderr}status %{http_code}\\n' \"$@\"; }\n"


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="needs bash and curl")
def test_the_commands_answer_as_the_page_says(host: Any, tmp_path: Path) -> None:
    script = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
    shell = ["bash", "-euo", "pipefail", "-c", REPORT_STATUS + script.replace("localhost:7071", host.url)]
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    statuses = re.findall(r"status (\d{3})", done.stderr)
    assert len(statuses) == len(re.findall(r"\bcurl ", script))
    assert [status for status in statuses if status >= "400"] == re.findall(r"# answers (\d{3})", script), done.stdout
