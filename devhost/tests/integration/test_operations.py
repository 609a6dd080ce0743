"""What the host logs about runs, how it fails them, what its API does with many of them, and the memory they take."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devhost.testing.host_process import REPOSITORY, DevhostProcess
from devhost.tests.support.hub_over_http import HubOverHttp

pytestmark = pytest.mark.devhost_only("it reads devhost's own log, lists and memory")

REFERENCE = REPOSITORY / "devhost" / "tests" / "conformance" / "app"
FOREIGN = REPOSITORY / "devhost" / "tests" / "apps" / "foreign"
HELD_OPEN = {"steps": [["any", [["timer", 3_600_000], ["timer", 1]]]], "results": []}


@pytest.fixture
def shop(start_host: Callable[..., DevhostProcess]) -> DevhostProcess:
    """A host of the test's own, on an app that has nothing to do with this project."""
    return start_host(app_root=FOREIGN)


@pytest.fixture
def hub(shop: DevhostProcess) -> Iterator[HubOverHttp]:
    """The task hub of that host."""
    with shop.client() as http:
        yield HubOverHttp(http)


def test_lines_about_a_run_begin_with_its_id_and_replay_repeats_none(
    start_host: Callable[..., DevhostProcess], tmp_path: Path
) -> None:
    host = start_host(app_root=REFERENCE, REFERENCE_SCRATCH=str(tmp_path))
    with host.client() as http:
        hub = HubOverHttp(http)
        for name, end in (("chain", "Completed"), ("fail_activity", "Failed"), ("unknown_activity", "Failed")):
            hub.post(f"orchestrators/{name}/r-{name}")
            hub.until(f"r-{name}", end)
        hub.post("orchestrators/program/r-held", json=HELD_OPEN)
        hub.until("r-held", "Running")
        hub.post("orchestrators/wait_two/r-two")
        hub.until("r-two", "Running")
        host.restart()
        for _ in range(2):
            hub.raise_event("r-two", "go", 1)
        hub.until("r-two", "Completed")
    logged = re.findall(r"^\d\d:\d\d:\d\d (?:INFO|WARNING|ERROR) (.*)$", host.output(), re.MULTILINE)
    assert {line.split(": ")[0] for line in logged} == {
        "r-chain",
        "r-fail_activity",
        "r-unknown_activity",
        "r-held",
        "r-two",
    }
    assert len(set(logged)) == len(logged)
    assert "r-unknown_activity: 'unknown_activity' on Azure this run would hang" in "\n".join(logged)


def test_turn_that_cannot_be_processed_fails_the_run(shop: DevhostProcess, hub: HubOverHttp) -> None:
    hub.post("orchestrators/misprint/m-1")
    output = hub.until("m-1", "Failed")["output"]
    assert output.startswith("Orchestrator function 'misprint' failed: devhost could not process the turn (")
    assert "m-1: the turn could not be processed; the instance fails." in shop.output()


def test_managed_identity_is_refused_with_what_to_do(hub: HubOverHttp) -> None:
    hub.post("orchestrators/ask_the_tax_office/t-1")
    output = hub.until("t-1", "Failed")["output"]
    assert "asks for a managed identity's token, which there is only on Azure." in output


def test_purge_of_many_takes_the_ended_runs_that_match(hub: HubOverHttp) -> None:
    for instance_id in ("s-1", "s-2"):
        hub.post(f"orchestrators/ship/{instance_id}", json="[]")
        hub.until(instance_id, "Completed")
    hub.post("orchestrators/visits/v-1")
    hub.post("orchestrators/misprint/m-1")
    hub.until("m-1", "Failed")
    since = "instances?createdTimeFrom=2001-01-01T00:00:00Z"
    assert hub.delete(f"{since}&createdTimeTo=2002-01-01T00:00:00Z").status_code == 404
    assert hub.delete(f"{since}&runtimeStatus=Completed").json() == {"instancesDeleted": 2}
    assert hub.delete(since).json() == {"instancesDeleted": 1}
    assert hub.ids() == ["v-1"]


def test_entities_are_listed_over_http_in_pages(hub: HubOverHttp) -> None:
    for number, article in enumerate(("tea", "jam", "egg"), 1):
        assert hub.http.post(f"/shop/stock/{article}", json=number).status_code == 202
        deadline = time.monotonic() + 20
        while hub.http.get(f"/shop/stock/{article}").status_code != 200:
            assert time.monotonic() < deadline
    first = hub.get("entities/Stock?top=2&fetchState=true")
    token = {"x-ms-continuation-token": first.headers["x-ms-continuation-token"]}
    second = hub.get("entities?top=2", headers=token)
    assert [(row["entityId"], row["state"]) for row in first.json()] == [
        ({"name": "stock", "key": "tea"}, 1),
        ({"name": "stock", "key": "jam"}, 2),
    ]
    assert [row["entityId"]["key"] for row in second.json()] == ["egg"]
    assert second.headers["x-ms-continuation-token"] == ""
    assert second.json()[0]["state"] is None
    assert hub.get("entities/Other").json() == []


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory in use from /proc")
def test_memory_does_not_grow_with_finished_runs(shop: DevhostProcess, hub: HubOverHttp) -> None:
    status = Path("/proc", shop.database.with_name("state.db.lock").read_text().strip(), "status")

    def kilobytes_after(runs: range) -> int:
        """Let these runs end, each with an output of 10 kB, and return the memory in use."""
        for number in runs:
            body = json.dumps([{"to": "x" * 10_000, "pieces": number}])
            answer = hub.post(f"orchestrators/ship/r{number}?timeout=20&pollingInterval=1", json=body)
            assert "Pigeon Post" in answer.json()[0], answer.text
        (line,) = re.findall(r"^VmRSS:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
        return int(line)

    before = kilobytes_after(range(100))
    after = kilobytes_after(range(100, 300))
    assert after - before < 200 * 10
