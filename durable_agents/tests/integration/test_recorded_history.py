"""A history is recorded as the guide to versioning says, and replayed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from devhost.testing.host_process import DevhostProcess
from durable_agents import Orchestration
from durable_agents.testing import Api, replay_history
from durable_agents.tests.app.orchestrations import content_approval, email_triage

pytestmark = pytest.mark.devhost_only("devhost records histories")

GUIDE = (Path(__file__).parents[2] / "docs" / "versioning.md").read_text(encoding="utf-8")
ROOT = Path(__file__).parents[3]


def record(commands: str, host: DevhostProcess, folder: Path) -> list[dict[str, object]]:
    """Run commands of the guide in a folder, against this host, and return the history that they have written."""
    (folder / "tests" / "histories").mkdir(parents=True, exist_ok=True)
    inspect = f"PYTHONPATH={ROOT} {sys.executable} -m devhost inspect --db {host.database}"
    script = commands.replace("localhost:7071", host.url).replace("python3 dev.py inspect", inspect)
    subprocess.run(["bash", "-ec", script], cwd=folder, check=True, capture_output=True)
    (file,) = (folder / "tests" / "histories").iterdir()
    events: list[dict[str, object]] = json.loads(file.read_text(encoding="utf-8"))
    return events


def test_a_run_in_flight_is_recorded_as_the_guide_says(host: DevhostProcess, tmp_path: Path) -> None:
    (commands,) = (block for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL) if "--history" in block)
    history = record(commands.replace("python3 dev.py test tests/test_histories.py", ""), host, tmp_path)
    assert not replay_history(Orchestration(content_approval), history)["isDone"]
    with pytest.raises(AssertionError, match="The history has"):
        replay_history(Orchestration(email_triage, registered_name=None), history)


def test_a_run_that_has_ended_is_recorded_to_its_end(api: Api, host: DevhostProcess, tmp_path: Path) -> None:
    run = api.start("email_triage", {"email": {"sender": "ada@example.com", "body": "Where is my order?"}})
    api.finish(run)
    history = record(f"python3 dev.py inspect {run} --history > tests/histories/ended.json", host, tmp_path)
    assert history[-2]["EventType"] == 1
    assert replay_history(Orchestration(email_triage), history)["isDone"]


def test_the_runs_that_are_left_are_listed_as_the_guide_says(api: Api) -> None:
    (listing,) = re.findall(r"'localhost:7071/api(/runs\?[^']*)'", GUIDE)
    api.start("content_approval", {"topic": "Tea"})
    assert len(api.http.get(f"/api{listing}").json()["runs"]) == 1
