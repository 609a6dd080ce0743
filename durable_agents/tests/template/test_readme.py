"""The README's commands, run in one shell against the real app, answer what the README says."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

from devhost.project.commands import COMMANDS

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
README_URL = "http://localhost:7071"
EXAMPLE = re.compile(r"```bash\n(?P<command>(?:(?!```).)*?curl.*?)```\s+```json\n(?P<answer>.*?)```", re.DOTALL)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
IDENTIFIER = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32,}")


class Host(Protocol):
    """What these tests use of the running app: its base URL, without `/api`."""

    @property
    def url(self) -> str: ...


def placeholders(text: str) -> str:
    """Replace what differs from run to run: ids and times."""
    return IDENTIFIER.sub("<id>", TIME.sub("<time>", text))


def assert_shown(shown: object, real: object, path: str = "answer") -> None:
    """Assert that the README shows this answer; a shown text that ends in ` ...` stands for a longer one."""
    if isinstance(shown, dict) and isinstance(real, dict):
        assert list(shown) == list(real), path
        for name, value in shown.items():
            assert_shown(value, real[name], f"{path}.{name}")
    elif isinstance(shown, str) and isinstance(real, str) and shown.endswith(" ..."):
        assert real.startswith(shown.removesuffix(" ...")), path
    else:
        assert shown == real, path


@pytest.mark.smoke
@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="needs bash and curl")
def test_the_curl_commands_answer_as_shown(host: Host, tmp_path: Path) -> None:
    examples = list(EXAMPLE.finditer(README))
    assert len(examples) == 5
    script = "\nprintf '\\0'\n".join(example["command"] for example in examples).replace(README_URL, host.url)
    done = subprocess.run(["bash", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers = done.stdout.replace(host.url, README_URL).split("\0")
    for example, answer in zip(examples, answers, strict=True):
        assert_shown(json.loads(placeholders(example["answer"])), json.loads(placeholders(answer)))


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="needs bash and curl")
def test_the_stream_of_an_answer_can_be_watched(host: Host) -> None:
    (script,) = re.findall(r"```sh\n(STREAM=.*?)```", README, re.DOTALL)
    done = subprocess.run(["bash", "-eu", "-c", script.replace(README_URL, host.url)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^event: (\w+)$", done.stdout, re.MULTILINE)[0] == "start"


def test_the_example_emails_all_get_an_outcome(host: Host) -> None:
    (line,) = re.findall(r"^python3 dev\.py run (.*)$", README, re.MULTILINE)
    command = [sys.executable, *line.split(), "--url", host.url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"PYTHONUTF8": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"[1-9]\d* quarantined, [1-9]\d* replied, 0 ignored, 0 error", done.stdout)


def test_every_dev_command_in_the_documents_exists() -> None:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    named = {name for document in documents for name in re.findall(r"dev\.py ([a-z]+)", document.read_text("utf-8"))}
    assert named >= {"start", "test"}
    assert named <= set(COMMANDS)


def test_every_link_in_the_documents_leads_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
