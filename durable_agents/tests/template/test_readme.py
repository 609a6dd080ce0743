"""The README's commands, run in one shell against the real app, answer what the README says."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from agent_framework import AgentResponse, Message

from devhost.project.commands import COMMANDS
from durable_agents import Orchestration
from durable_agents.testing import replay

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTED = ("docs", "durable_agents", "devhost", "examples")
README_URL = "http://localhost:7071"
EXAMPLE = re.compile(r"```bash\n(?P<command>(?:(?!```).)*?curl.*?)```\s+```json\n(?P<answer>.*?)```", re.DOTALL)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
# What the prompts, the settings and the registrations of the app decide.
OF_THE_APP = ("agents", "agent_count", "usage", "input", "title", "preview", "expires_at", "content_hash")
needs_curl = pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="needs bash and curl")
# Each curl tells its status on stderr, where no pipe takes it.
REPORT_STATUS = "curl() { command curl -w '%{stderr}status %{http_code}\\n' \"$@\"; }\n"
IDENTIFIER = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32,}")


class Host(Protocol):
    """What these tests use of the running app: its base URL, without `/api`."""

    @property
    def url(self) -> str: ...


def placeholders(text: str) -> str:
    """Replace what differs from run to run: ids and times."""
    return IDENTIFIER.sub("<id>", TIME.sub("<time>", text))


def assert_shown(shown: object, real: object, path: str = "answer") -> None:
    """Assert that the README shows this answer; a shown text that ends in ` ...` stands for a longer one.

    What depends on the agents and orchestrations of the app is theirs to change: only its form is looked at.
    """
    if path.rpartition(".")[2] in OF_THE_APP:
        assert type(shown) is type(real), path
    elif isinstance(shown, dict) and isinstance(real, dict):
        assert list(shown) == list(real), path
        for name, value in shown.items():
            assert_shown(value, real[name], f"{path}.{name}")
    elif isinstance(shown, str) and isinstance(real, str) and shown.endswith(" ..."):
        assert real.startswith(shown.removesuffix(" ...")), path
    else:
        assert shown == real, path


def missing(script: str, host: Host) -> list[str]:
    """Return the agents, orchestrations and workflows that a script talks to and the app does not have."""
    paths = httpx.get(f"{host.url}/api/openapi.json", timeout=30).json()["paths"]
    named = [f"/{kind}/{name}/run" for kind, name in re.findall(r"/api/(agents|workflow)/(\w+)/", script)]
    named += re.findall(r"/api(/runs/[a-z][\w-]+)", script)
    return sorted(set(named) - set(paths))


def skip_without(script: str, host: Host) -> None:
    """Skip the test of a script about something that was removed from the app."""
    if gone := missing(script, host):
        pytest.skip(f"README.md shows {', '.join(gone)}, which this app does not have")


@needs_curl
@pytest.mark.smoke
def test_the_curl_commands_answer_as_shown(host: Host, tmp_path: Path) -> None:
    examples = list(EXAMPLE.finditer(README))
    # Each uses what those before it have made.
    end = next((n for n, example in enumerate(examples) if missing(example["command"], host)), len(examples))
    script = "\nprintf '\\0'\n".join(example["command"] for example in examples[:end]).replace(README_URL, host.url)
    done = subprocess.run(["bash", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers = done.stdout.replace(host.url, README_URL).split("\0")
    for example, answer in zip(examples[:end], answers, strict=True):
        assert_shown(json.loads(placeholders(example["answer"])), json.loads(placeholders(answer)))
    if end < len(examples):
        skip_without(examples[end]["command"], host)


@needs_curl
def test_the_other_curl_commands_are_not_refused(host: Host, tmp_path: Path) -> None:
    blocks = [block for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if "curl" in block]
    # A paragraph of a block is a command with its comment, or several that belong together.
    commands = [command for block in blocks for command in block.split("\n\n")]
    kept = [command for command in commands if not missing(command, host)]
    script = "\n".join(kept).replace(README_URL, host.url)
    done = subprocess.run(["bash", "-euc", REPORT_STATUS + script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    statuses = re.findall(r"status (\d{3})", done.stderr)
    assert len(statuses) == len(re.findall(r"\bcurl ", script))
    assert [status for status in statuses if status >= "400"] == [], done.stdout
    if len(kept) < len(commands):
        skip_without("\n".join(commands), host)


@needs_curl
def test_the_stream_of_an_answer_can_be_watched(host: Host) -> None:
    (script,) = re.findall(r"```sh\n(STREAM=.*?)```", README, re.DOTALL)
    skip_without(script, host)
    done = subprocess.run(["bash", "-eu", "-c", script.replace(README_URL, host.url)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^event: (\w+)$", done.stdout, re.MULTILINE)[0] == "start"


def test_the_example_emails_all_get_an_outcome(host: Host) -> None:
    (line,) = re.findall(r"^python3 dev\.py run (.*)$", README, re.MULTILINE)
    skip_without("/api/runs/email_triage", host)
    if not (ROOT / line.split()[0]).exists():
        pytest.skip(f"README.md shows {line.split()[0]}, which this project does not have")
    command = [sys.executable, *line.split(), "--url", host.url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"PYTHONUTF8": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ quarantined, \d+ replied, 0 ignored, 0 error", done.stdout)


def test_every_dev_command_in_the_documents_exists() -> None:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    named = {
        name for document in documents for name in re.findall(r"python3 dev\.py ([a-z]+)", document.read_text("utf-8"))
    }
    assert named >= {"start", "test"}
    assert named <= set(COMMANDS)


def test_every_link_in_the_documents_leads_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(file for top in DOCUMENTED for file in (ROOT / top).rglob("*.md"))]
    lost = set()
    for document in documents:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text("utf-8")):
            path = (document.parent / target).resolve()
            # Whoever has deleted a whole folder of the project knows that the documents speak of it.
            if not path.exists() and (ROOT / path.relative_to(ROOT).parts[0]).exists():
                lost.add(f"{document.name} links to {target}")
    assert lost == set()


def test_the_orchestration_does_what_it_says() -> None:
    (code,) = re.findall(r"```python\n(def article.*?)```", README, re.DOTALL)
    given: dict[str, Any] = {}
    exec(compile(GIVEN + code, "README.md", "exec"), given)
    run = replay(Orchestration(given["article"]), {"topic": "tea"})
    run.answer("Writer", given["Draft"](title="Tea", content="Tea is wet."))
    run.answer("Critic", AgentResponse(messages=[Message("assistant", ["It is short."])]))
    assert run.waits_for("notify_reviewer")["content"] == "Tea is wet.\n\nThe critic: It is short."
    named = {name: run.waiting_for[name] for name in ("request_id", "content_hash")}
    run.raise_event(run.waiting_for["event_name"], {**named, "approved": True})
    run.complete("notify_reviewer", {"channel": "webhook", "location": None})
    assert run.waits_for("publish_content")["title"] == "Tea"
    run.complete("publish_content", {"place": "here"})
    assert run.state["output"] == {"place": "here"}


GIVEN = """
from pydantic import BaseModel
from durable_agents import Keyed, OrchestrationContext, Steps

class Topic(BaseModel):
    topic: str

class Draft(BaseModel):
    title: str
    content: str

class Article(Keyed):
    title: str
    content: str

class Receipt(BaseModel):
    place: str

def publish_content(article: Article) -> Receipt: ...

"""
