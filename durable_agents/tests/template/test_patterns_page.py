"""docs/patterns.md: its pictures and code are those of the files, its costs those of the tests, its commands work.

Whoever has deleted an orchestration, or the page, knows what is no longer true of it.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest

from devhost.testing.host_process import HostProcess
from durable_agents.picture.page import redrawn
from durable_agents.testing import Api
from durable_agents.tests.template.patterns import PATTERNS
from durable_agents.tests.template.test_readme import README_URL, REPORT_STATUS, missing, needs_curl

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "patterns.md"
TEXT = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
COSTS = dict(re.findall(r"^\| \[`(\w+)`\]\(#\1\) \|.*\| (\d+) \|$", TEXT, re.MULTILINE))
SECTIONS = {section.partition("\n")[0]: section for section in TEXT.split("\n## ")[1:]}

pytestmark = pytest.mark.skipif(not TEXT, reason="this project has no docs/patterns.md")


def test_its_pictures_and_code_are_those_of_the_files() -> None:
    afresh = redrawn(TEXT, ROOT)
    assert afresh == TEXT, "Take them afresh: python -m durable_agents.picture --write docs/patterns.md"


def test_it_has_each_orchestration_with_all_there_is_to_say() -> None:
    for pattern in PATTERNS:
        section = SECTIONS[pattern.name]
        told = re.findall(r"\b(Use it when|Not when|A crash repeats) ", " ".join(section.split()))
        assert told == ["Use it when", "Not when", "A crash repeats"], pattern.name
        assert [f"{kind}: orchestrations/{pattern.name}.py" in section for kind in ("picture", "code")] == [True, True]
        assert f"curl -s {README_URL}/api/runs/{pattern.name} " in section


def test_its_costs_are_those_that_are_counted() -> None:
    assert {name: int(calls) for name, calls in COSTS.items()} == {one.name: one.model_calls for one in PATTERNS}


@needs_curl
@pytest.mark.parametrize("name", COSTS)
def test_its_commands_start_runs_that_end_well_or_ask_a_human(name: str, host: HostProcess, tmp_path: Path) -> None:
    (script,) = re.findall(r"```sh\n(.*?)```", SECTIONS[name], re.DOTALL)
    if missing(script, host):
        pytest.skip(f"this app has no {name}")
    command = REPORT_STATUS + script.replace(README_URL, host.url)
    done = subprocess.run(["bash", "-euc", command], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "status 202\n"), done.stdout
    with host.client() as http:
        started = json.loads(done.stdout)["instance_id"]
        run = Api(http).wait(
            started, lambda run: run["requests"] or run["runtime_status"] not in ("Pending", "Running")
        )
    assert run["requests"] or run["runtime_status"] == "Completed", run
