"""An activity that acts once for its key: its first result is kept, and nothing is done a second time."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devhost.testing.host_process import HostProcess
from devhost.testing.kills.kill_plan import Kill, Point, When
from devhost.testing.kills.supervised_host import LostAnswerError, SupervisedHost
from devhost.testing.plugin import NewHost
from durable_agents.testing import Api

APP = Path(__file__).parents[1] / "apps" / "payloads"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, new_host: NewHost) -> Iterator[HostProcess]:
    """The app of the payloads, for all tests of this file."""
    with new_host(tmp_path_factory.mktemp("once"), app_root=APP) as process:
        yield process


def lines(outbox: Path) -> Counter[str]:
    """Return how often each thing was done."""
    files = outbox.glob("*.lines")
    return Counter({path.stem: len(path.read_text(encoding="utf-8").splitlines()) for path in files})


def texts(output: Any) -> list[str]:
    """Return the texts in an output."""
    return [one["text"] for one in output]


@pytest.mark.sample
@pytest.mark.parametrize("text", ["tea", "tea" * 100_000], ids=["small", "large"])
def test_two_calls_under_a_key_act_once_and_get_one_result(text: str, host: HostProcess, api: Api) -> None:
    run_id = api.start("noted", {"text": text})
    results = texts(api.finish(run_id))
    # The first of the two has failed, and the second acted while the first had not begun again.
    assert results == [f"{text}, note 2"] * 2 + ["a, note 1"] * 2
    done = [times for name, times in lines(host.outbox).items() if name.startswith(f"noted {run_id}-")]
    assert sorted(done) == [1, 1, 2]
    kept = host.state / "payloads" / run_id
    assert len(list(kept.glob("note-*.json"))) == 3
    assert api.http.delete(f"/api/runs/{run_id}").status_code == 204
    assert not kept.exists()


@pytest.mark.sample
def test_a_key_of_ones_own_is_for_all_runs_and_outlives_them(host: HostProcess, api: Api) -> None:
    for _ in range(2):
        run_id = api.start("noted_under", {"text": "order-7"})
        assert texts([api.finish(run_id)]) == ["order-7, note 1"]
        assert api.http.delete(f"/api/runs/{run_id}").status_code == 204
    assert lines(host.outbox)["noted order-7"] == 1


@pytest.mark.sample
def test_an_orchestration_of_the_sdk_can_call_it_and_has_to_give_a_key(host: HostProcess, api: Api) -> None:
    for key, end in (("sdk-1", "Completed"), ("sdk-1", "Completed"), ("", "Failed")):
        answer = api.http.post(
            "/api/runs/noted_by_the_sdk", json={"key": key, "text": "tea"}, params={"wait": 20}
        ).json()
        assert answer["runtime_status"] == end
        assert (answer["output"] or {}).get("text") == ("tea, note 1" if key else None)
    assert "acts once for a key and got none" in answer["error"]


@pytest.mark.kills
@pytest.mark.timeout(120)
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
def test_what_had_finished_is_not_done_again_although_a_kill_has_lost_its_result(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox"
    folders = {"OUTBOX_DIR": str(outbox), "STATE_DIR": str(tmp_path / "state")}
    host = SupervisedHost(tmp_path, APP, ("--import", "durable_agents"), environment=folders)
    try:
        host.plan.arm([Kill(When.BEFORE, Point.ACTIVITY_RESULT) for _ in range(5)])
        started = host.send("POST", "/api/runs/noted", {"text": "tea"}).json()
        run: dict[str, Any] = {}
        deadline = time.monotonic() + 90
        while run.get("runtime_status") != "Completed":
            assert time.monotonic() < deadline, run
            try:
                run = host.send("GET", f"/api/runs/{started['instance_id']}").json()
            except LostAnswerError:
                continue
        assert host.plan.left() == []
        assert texts(run["output"])[2:] == ["a, note 1"] * 2
        # Of the two under one key the first fails, and its kill can find the second between its effect and its result.
        # Without `once` there would be more than ten.
        *ones, both = sorted(lines(outbox).values())
        assert (ones, both in (2, 3)) == ([1, 1], True)
    finally:
        host.close()
