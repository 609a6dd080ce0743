"""The curl commands of the manual, run page by page in one shell against an app with what they name.

A command is expected to succeed, unless a comment behind it says `# answers 422`, or another status.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devhost.testing.host_process import HostProcess
from devhost.testing.plugin import NewHost
from durable_agents.tests.support.mcp_server_process import McpServerProcess

MANUAL = Path(__file__).parents[2] / "docs"
# test_http_api_docs.py runs the stories of http-api.md, which come before.
PAGES = ["agents.md", "workflows.md", "http-api.md#OpenAPI"]
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
PREFIXES = ("http://localhost:7071", "localhost:7071")
# Each curl tells its status on stderr, where no pipe takes it.
REPORT_STATUS = "curl() { command curl -w '%{stderr}status %{http_code}\\n' \"$@\"; }\n"


@pytest.fixture(scope="module")
def full_host(tmp_path_factory: pytest.TempPathFactory, new_host: NewHost, app_root: Path) -> Iterator[HostProcess]:
    """The app with all that is optional: an MCP server."""
    server = McpServerProcess()
    server.start()
    with new_host(tmp_path_factory.mktemp("host"), app_root, MCP_SERVER_URL=server.url) as host:
        yield host
        host.stop()
    server.kill()


def commands_of(page: str) -> str:
    """Return the blocks of a page that talk to the app, as one script; `page#Heading` begins at that section."""
    file, _, heading = page.partition("#")
    text = (MANUAL / file).read_text(encoding="utf-8")
    blocks = BLOCK.findall(text[text.index(f"\n## {heading}\n") :] if heading else text)
    return "\n".join(block for block in blocks if "curl" in block)


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="needs bash and curl")
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_answer_as_it_says(page: str, full_host: HostProcess, tmp_path: Path) -> None:
    script = commands_of(page)
    expected = re.findall(r"# answers (\d{3})", script)
    for prefix in PREFIXES:
        script = script.replace(prefix, full_host.url)
    shell = ["bash", "-euo", "pipefail", "-c", REPORT_STATUS + script]
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    statuses = re.findall(r"status (\d{3})", done.stderr)
    assert len(statuses) == len(re.findall(r"\bcurl ", script))
    assert [status for status in statuses if status >= "400"] == expected, done.stdout
