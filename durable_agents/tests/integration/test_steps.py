"""Every step, and steps of all kinds side by side: each ends as it should, whatever happens to the host."""

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.testing.host_process import DevhostProcess
from devhost.testing.kills.kill_plan import Kill, Point, When
from devhost.testing.kills.supervised_host import SupervisedHost
from devhost.testing.plugin import NewHost
from durable_agents.testing import Api

APP = Path(__file__).parents[1] / "apps" / "steps"
GO = {"text": "go"}


@dataclass(frozen=True)
class Tale:
    """An orchestration, its output, and under how many keys each thing is shipped, failed attempts included."""

    name: str
    output: Any
    shipped: dict[str, int]
    number: int = 0

    def __str__(self) -> str:
        """Return the name."""
        return self.name


TALES = [
    Tale("call", {"text": "one"}, {"one": 1}),
    Tale("call_again", {"text": "late"}, {"late": 1}),
    Tale("call_too_slow", "Activity 'ship' did not end within 0:00:01.", {"slow": 1}),
    Tale("ask", True, {}),
    Tale("run", [{"text": "one"}] * 2, {"one": 2}),
    Tale("wait", "go", {}),
    Tale("wait_in_vain", ["Event 'Go' did not come within 0:00:01.", "go", "go"], {"reminder": 1}),
    Tale("sleep", True, {}),
    Tale("approve_two", ["True", "True"], {}),
    Tale(
        "all_kinds",
        ["Receipt", "str", "Receipt", "Go", "NoneType", "int", "int", "Review"],
        {"a": 1, "one": 1, "b0": 1, "b1": 1, "b2": 1, "c0": 1, "c1": 1},
    ),
    Tale("first_of_kinds", ["5", "go"], {"early": 1, "after": 1}),
    Tale("failing", [True, True, False, 1], {"bad": 3, "good": 1}),
    Tale("independent", 3, {"d0": 1, "d1": 1, "d2": 1}),
    Tale("rounds", 3, {"round": 3}),
    Tale("no_step", {"text": "7"}, {}, number=7),
]


class Teller:
    """Starts runs, and tells each what it waits for, until it is over. A host that is away is asked again."""

    def __init__(self, url: str, outbox: Path) -> None:
        self.url = url
        self.outbox = outbox

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response | None:
        """Return the answer, or None when there is no host that gives one."""
        try:
            return httpx.request(method, f"{self.url}/api/{path}", json=body, headers=headers, timeout=30)
        except httpx.TransportError:
            return None

    def start(self, tale: Tale) -> str:
        """Start a run, once."""
        key = {"Idempotency-Key": tale.name}
        deadline = time.monotonic() + 30
        while (answer := self.ask("POST", f"runs/{tale.name}", {"number": tale.number}, **key)) is None:
            assert time.monotonic() < deadline, "no host"
            time.sleep(0.05)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["instance_id"])

    def tell(self, run_id: str) -> dict[str, Any]:
        """Let come what the run waits for, as far as it is time for that, and return how it is."""
        answer = self.ask("GET", f"runs/{run_id}")
        if answer is None or answer.status_code != 200:
            return {"runtime_status": "Running"}
        run: dict[str, Any] = answer.json()
        for wait in run["requests"]:
            if wait["kind"] == "approval" and run["orchestration"] != "first_of_kinds":
                for reviewer in wait["reviewers"] or ["ada"]:
                    decision = {"approved": True, "request_id": wait["request_id"], "reviewer": reviewer}
                    self.ask("POST", f"approval/{run_id}", decision)
            elif wait.get("event_name") == "Go" and self._is_time_for(run):
                self.ask("POST", f"runs/{run_id}/events/Go", {"text": "go"})
        return run

    def _is_time_for(self, run: dict[str, Any]) -> bool:
        """Say whether the event may come: in some runs it is to come late."""
        late = {"wait_in_vain": "reminder", "independent": "d2", "first_of_kinds": "early"}.get(run["orchestration"])
        return late is None or (self.outbox / f"{run['instance_id']}-{late}.shipped").exists()

    def finish(self, run_id: str, seconds: float = 45) -> dict[str, Any]:
        """Return the run when it is over."""
        deadline = time.monotonic() + seconds
        while (run := self.tell(run_id))["runtime_status"] in ("Pending", "Running"):
            assert time.monotonic() < deadline, f"not over: {run}"
            time.sleep(0.05)
        return run

    def keys(self) -> Counter[str]:
        """Return how many different keys each thing was shipped under, by all runs."""
        files = self.outbox.glob("*.shipped")
        return Counter(path.read_text(encoding="utf-8").splitlines()[0] for path in files)

    def lines(self) -> int:
        """Return how often anything was shipped."""
        return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in self.outbox.glob("*.shipped"))


def check(tale: Tale, run: dict[str, Any]) -> None:
    """Check how a run has ended."""
    assert (run["runtime_status"], run["output"], run["error"]) == ("Completed", tale.output, None), run["error"]


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory, new_host: NewHost) -> Iterator[Teller]:
    """The app of the steps, on a host that lives."""
    with new_host(tmp_path_factory.mktemp("steps"), app_root=APP) as host:
        yield Teller(host.url, host.outbox)


@pytest.mark.sample
@pytest.mark.parametrize("tale", TALES, ids=str)
def test_a_run_ends_as_it_should_and_is_over_at_once(tale: Tale, steps: Teller) -> None:
    run_id, before = steps.start(tale), steps.keys()
    check(tale, steps.finish(run_id))
    assert steps.keys() - before <= Counter(tale.shipped)


@pytest.mark.devhost_only("the Functions host asks for a key of its own there")
def test_each_event_is_taken_once_also_when_its_wait_was_given_up_before_the_run_began_anew(steps: Teller) -> None:
    with httpx.Client(base_url=steps.url) as http:
        api = Api(http)
        run_id = api.start("given_up", {})
        api.wait(run_id, lambda run: (run["waiting_for"] or {}).get("event_name") == "Anew")
        # No run is said to wait for these, so the route of the app would refuse them.
        for number in (1, 2, 3):
            raised = http.post(f"/runtime/webhooks/durabletask/instances/{run_id}/raiseEvent/Go", json=number)
            assert raised.status_code == 202
        assert http.post(f"/api/runs/{run_id}/events/Anew", json={}).status_code == 202
        api.finish(run_id)
        assert api.run(run_id)["output"] == [1, 2, 3]


@pytest.mark.sample
def test_what_the_app_does_not_have_fails_the_run_with_a_sentence(steps: Teller) -> None:
    run = steps.finish(steps.start(Tale("call_what_is_not_there", None, {})))
    assert run["runtime_status"] == "Failed"
    assert "The app has no activity 'not_registered'. Register it: app.add_activity(not_registered)." in run["error"]


def suspended_now_and_then(teller: Teller, runs: dict[str, str]) -> None:
    """Suspend runs and let them go on, several times, with what they wait for coming in between."""
    chance = random.Random(7)
    for _ in range(12):
        name = chance.choice(list(runs))
        teller.ask("POST", f"runs/{runs[name]}/suspend", {"reason": "Not now."})
        for run_id in runs.values():
            teller.tell(run_id)
        teller.ask("POST", f"runs/{runs[name]}/resume")


def play_all(teller: Teller, interfere: Callable[[dict[str, str]], None]) -> None:
    """Play all tales at once, with something that interferes, and check how each ends and what was shipped."""
    runs = {tale.name: teller.start(tale) for tale in TALES}
    interfere(runs)
    for tale in TALES:
        check(tale, teller.finish(runs[tale.name]))
    assert teller.keys() == sum((Counter(tale.shipped) for tale in TALES), Counter())


@pytest.mark.thorough
@pytest.mark.sample
def test_runs_that_are_suspended_now_and_then_end_as_they_should(tmp_path: Path, new_host: NewHost) -> None:
    with new_host(tmp_path, app_root=APP) as host:
        teller = Teller(host.url, host.outbox)
        play_all(teller, lambda runs: suspended_now_and_then(teller, runs))


@pytest.mark.thorough
@pytest.mark.devhost_only("the Functions host has the timers of its storage")
def test_runs_end_as_they_should_with_early_timers(tmp_path: Path) -> None:
    with DevhostProcess(tmp_path, APP, ("--early-timers",)) as host:
        play_all(Teller(host.url, host.outbox), lambda runs: None)


@pytest.mark.sample
def test_runs_end_as_they_should_when_no_payload_is_in_a_history(tmp_path: Path, new_host: NewHost) -> None:
    with new_host(tmp_path, app_root=APP, LARGEST_PAYLOAD_BYTES="0") as host:
        play_all(Teller(host.url, host.outbox), lambda runs: None)
        assert list((host.state / "payloads").glob("*/*.json"))


@pytest.mark.kills
@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in (1, 2))])
def test_kills_at_any_moment_change_nothing(seed: int, tmp_path: Path) -> None:
    with DevhostProcess(tmp_path, APP, ("--early-timers",) if seed % 2 else ()) as host:
        teller, chance = Teller(host.url, host.outbox), random.Random(seed)

        def killed(runs: dict[str, str]) -> None:
            for _ in range(8):
                until = time.monotonic() + chance.uniform(0, 0.8)
                for run_id in runs.values():
                    if time.monotonic() < until:
                        teller.tell(run_id)
                host.restart()

        play_all(teller, killed)


@pytest.mark.sample
@pytest.mark.parametrize("way", ["api", "link", "event"])
def test_the_second_of_several_requests_is_decided_first(way: str, tmp_path: Path, new_host: NewHost) -> None:
    with new_host(tmp_path, app_root=APP) as host, host.client() as http:
        api = Api(http)
        run_id = api.start("approve_two", {})
        waits = api.wait(run_id, lambda run: len(run["requests"]) == 3)["requests"]
        one, other, event = waits
        assert (one["title"], other["title"], event) == ("Text 0", "Text 1", {**event, "kind": "event"})
        listed = http.get("/api/approvals").json()["approvals"]
        assert [request["request_id"] for request in listed] == [one["request_id"], other["request_id"]]
        path = host.outbox / "reviews" / f"{run_id}-{other['request_id']}.json"
        api.wait(run_id, lambda run: path.exists())
        links = {link["reviewer"]: link["url"].partition("#")[2] for link in json.loads(path.read_text())["links"]}
        for reviewer in ("ada", "eve"):
            decision = {"approved": True, "request_id": other["request_id"], "reviewer": reviewer}
            if way == "link":
                body = {"token": links[reviewer], "approved": True}
                answer = http.post("/api/review/decision", json=body)
            elif way == "event":
                answer = http.post(f"/api/runs/{run_id}/events/{other['event_name']}", json=decision)
            else:
                answer = http.post(f"/api/approval/{run_id}", json=decision)
            assert answer.status_code in (200, 202), answer.text
        left = api.wait(run_id, lambda run: len(run["requests"]) == 2)["requests"]
        assert left[0]["request_id"] == one["request_id"]
        wrong = http.post(f"/api/runs/{run_id}/events/Nobody", json={})
        assert (wrong.status_code, wrong.json()["type"]) == (409, "urn:problem:event-not-awaited")
        assert http.post(f"/api/runs/{run_id}/events/Go", json=GO).status_code == 202
        assert api.decide(run_id, one["request_id"], approved=False, reviewer="ada").status_code == 200
        assert list(api.finish(run_id)) == ["False", "True"]


@pytest.mark.kills
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
@pytest.mark.parametrize(
    ("name", "largest_payload"),
    [
        ("all_kinds", "48000"),
        ("rounds", "0"),
        *(
            pytest.param(name, "48000", marks=pytest.mark.thorough)
            for name in ("first_of_kinds", "failing", "rounds", "wait_in_vain")
        ),
        pytest.param("all_kinds", "0", marks=pytest.mark.thorough),
    ],
)
def test_a_kill_at_each_commit_changes_nothing(name: str, largest_payload: str, tmp_path: Path) -> None:
    (tale,) = [tale for tale in TALES if tale.name == name]
    outbox = tmp_path / "outbox"
    settings = {"OUTBOX_DIR": str(outbox), "STATE_DIR": str(tmp_path / "state")}
    settings["LARGEST_PAYLOAD_BYTES"] = largest_payload
    host = SupervisedHost(tmp_path, APP, ("--import", "durable_agents"), environment=settings)
    try:
        teller = Teller(host.url, outbox)
        host.plan.arm([Kill(when, Point.COMMIT) for _ in range(100) for when in (When.BEFORE, When.AFTER)])
        run_id = teller.start(tale)
        check(tale, teller.finish(run_id, 240))
        assert len(host.plan.left()) < 188
        assert teller.keys() == Counter(tale.shipped)
    finally:
        host.close()
