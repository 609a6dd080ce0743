"""What came of a run that an agent has started comes back into the conversation: once, whatever happens meanwhile."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from devhost.testing.host_process import HostProcess
from devhost.testing.kills.kill_plan import Kill, Point, When
from devhost.testing.kills.supervised_host import SupervisedHost

APP = Path(__file__).parents[1] / "apps" / "results"
PATIENCE = 120
FoundT = TypeVar("FoundT")
SESSION = "/api/agents/Clerk/sessions/s1"


class Clerk:
    """The agent, in one session; a host that is away is asked again."""

    def __init__(self, url: str, outbox: Path, host: HostProcess | None = None) -> None:
        self.url = url
        self.outbox = outbox
        self.host = host

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return httpx.request(method, f"{self.url}{path}", json=body, headers=headers, timeout=30)
            except httpx.TransportError:
                assert time.monotonic() < deadline, "no host"
                time.sleep(0.05)

    def say(self, message: str, session: str = "s1", key: str | None = None) -> dict[str, Any]:
        headers = {} if key is None else {"Idempotency-Key": key}
        body = {"message": message, "session_id": session}
        answer = self.ask("POST", "/api/agents/Clerk/run", body, **headers)
        return dict(answer.json())

    def start(self, way: str) -> str:
        """Have a run started, and return its id."""
        self.say(f"start {way}", key=f"key-{way}")
        (call,) = self.turns(1)[0]["tool_calls"]
        return str(json.loads(call["result"])["run_id"])

    def turns(self, least: int) -> list[dict[str, Any]]:
        """Return the turns of the session once there are as many."""

        def look() -> list[dict[str, Any]] | None:
            answer = self.ask("GET", SESSION)
            turns: list[dict[str, Any]] = answer.json().get("turns", [])
            return turns if len(turns) >= least else None

        return self.wait(look)

    def run(self, run_id: str) -> dict[str, Any]:
        return dict(self.ask("GET", f"/api/runs/{run_id}").json())

    def finish(self, run_id: str) -> dict[str, Any]:
        """Return the run when it is over."""
        return self.wait(lambda: run if (run := self.run(run_id))["runtime_status"] != "Running" else None)

    def wait(self, look: Callable[[], FoundT | None]) -> FoundT:
        deadline = time.monotonic() + PATIENCE
        while (found := look()) is None:
            assert time.monotonic() < deadline, "it did not come"
            time.sleep(0.02)
        return found

    @property
    def asked(self) -> list[str]:
        """What the model was asked, call by call."""
        return (self.outbox / "asked").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def begin(start_host: Any) -> Callable[..., Clerk]:
    def begin(**environment: str) -> Clerk:
        host = start_host(app_root=APP, **environment)
        return Clerk(host.url, host.outbox, host)

    return begin


@pytest.mark.parametrize(
    ("way", "told"),
    [
        ("ends", ' is completed. Its output is {"text": "ends 0"}'),
        ("rounds", ' is completed. Its output is {"text": "rounds 2"}'),
        ("fails", " has failed, for this reason: it rained"),
    ],
)
def test_a_run_that_ends_is_told_once(way: str, told: str, begin: Callable[..., Clerk]) -> None:
    clerk = begin()
    run_id = clerk.start(way)
    started, result = clerk.turns(2)
    assert (started["run_id"], result["run_id"], result["response"]) == (None, run_id, told)
    assert f"The run {run_id} of errand" in result["message"]
    answer = clerk.ask("GET", httpx.URL(clerk.run(run_id)["links"]["answer"]).path).json()
    assert (answer["response"], answer["correlation_id"]) == (told, result["correlation_id"])
    stream = clerk.ask("GET", f"{SESSION}/responses/{result['correlation_id']}/stream")
    assert json.dumps(told) in stream.text
    assert '"message_count": 4' in stream.text
    assert clerk.say("Thanks")["message_count"] == 6
    assert [line.partition(":")[0] for line in clerk.asked] == ["user", "tool", "user", "user"]
    failed = clerk.finish(run_id)
    assert ("rewind" in failed["links"]) is False


def test_the_answer_can_be_waited_for_from_the_start(begin: Callable[..., Clerk]) -> None:
    clerk = begin()
    run_id = clerk.start("waits")
    place = httpx.URL(clerk.run(run_id)["links"]["answer"]).path
    assert clerk.ask("GET", place).status_code == 202
    clerk.ask("POST", f"/api/runs/{run_id}/events/Go", {})
    answer = clerk.wait(lambda: found if (found := clerk.ask("GET", place)).status_code != 202 else None)
    assert answer.json()["response"].endswith('"waits 0"}')


def test_a_large_result_is_cut_as_that_of_any_tool(begin: Callable[..., Clerk]) -> None:
    clerk = begin(TOOL_RESULT_BYTES="1000")
    clerk.start("large")
    message = clerk.turns(2)[1]["message"]
    assert "bytes left out" in message
    assert len(message) < 1_600


def test_a_run_that_is_cancelled_is_told_also_where_that_is_repeated(begin: Callable[..., Clerk]) -> None:
    clerk = begin()
    run_id = clerk.start("waits")
    for _ in range(2):
        assert clerk.ask("POST", f"/api/runs/{run_id}/cancel", {"reason": "too late"}).status_code == 200
    assert clerk.turns(2)[1]["response"] == " was cancelled, for this reason: too late"
    clerk.say("Thanks")
    assert len(clerk.turns(3)) == 3


def test_a_run_that_is_restarted_is_told_too(begin: Callable[..., Clerk]) -> None:
    clerk = begin()
    run_id = clerk.start("fails")
    clerk.turns(2)
    restarted = clerk.ask("POST", f"/api/runs/{run_id}/restart").json()["instance_id"]
    assert [turn["run_id"] for turn in clerk.turns(3)] == [None, run_id, restarted]


def test_a_tool_can_leave_its_result_away(begin: Callable[..., Clerk]) -> None:
    clerk = begin()
    clerk.say("silently ends")
    (call,) = clerk.turns(1)[0]["tool_calls"]
    run = clerk.finish(json.loads(call["result"])["run_id"])
    assert (run["runtime_status"], "answer" in run["links"]) == ("Completed", False)
    clerk.say("Hello")
    assert len(clerk.turns(2)) == 2


def test_runs_that_start_each_other_come_to_an_end(begin: Callable[..., Clerk]) -> None:
    clerk = begin()
    clerk.start("chain")
    turns = clerk.turns(4)
    assert [turn["run_id"] is None for turn in turns] == [True, False, False, False]
    (last,) = turns[3]["tool_calls"]
    assert "3 runs have followed one another" in last["result"]
    runs = clerk.ask("GET", "/api/runs?orchestration=errand").json()["runs"]
    assert len(runs) == 3
    clerk.say("start ends")
    assert clerk.turns(6)[5]["response"].endswith('"ends 0"}')


@pytest.mark.parametrize("way", ["delete", "reset"])
def test_a_conversation_that_is_gone_is_told_nothing(way: str, begin: Callable[..., Clerk]) -> None:
    clerk = begin()
    run_id = clerk.start("waits")
    place = httpx.URL(clerk.run(run_id)["links"]["answer"]).path
    method, path = ("DELETE", SESSION) if way == "delete" else ("POST", f"{SESSION}/reset")
    assert clerk.ask(method, path).status_code in (200, 204)
    clerk.ask("POST", f"/api/runs/{run_id}/events/Go", {})
    clerk.finish(run_id)
    answer = clerk.wait(lambda: found if (found := clerk.ask("GET", place)).status_code != 202 else None)
    assert (answer.status_code, answer.json()["error_code"]) == (410, f"session_{way}{'d' if way == 'delete' else ''}")
    assert clerk.ask("GET", SESSION).status_code == (404 if way == "delete" else 200)
    clerk.say("Hello")
    assert [turn["message"] for turn in clerk.turns(1)] == ["Hello"]


def test_a_turn_that_waits_for_a_human_is_ended_first(begin: Callable[..., Clerk]) -> None:
    clerk = begin()
    run_id = clerk.start("waits")
    assert clerk.say("refund")["status"] == "waiting_for_approval"
    clerk.ask("POST", f"/api/runs/{run_id}/events/Go", {})
    clerk.finish(run_id)
    time.sleep(0.3)
    assert [turn["status"] for turn in clerk.turns(2)] == ["success", "waiting_for_approval"]
    assert clerk.host is not None
    clerk.host.restart()

    def find() -> dict[str, Any] | None:
        found = clerk.ask("GET", "/api/approvals").json()["approvals"]
        return found[0] if found else None

    asked = clerk.wait(find)
    body = {"approved": True, "request_id": asked["request_id"]}
    assert clerk.ask("POST", f"/api/approval/{asked['instance_id']}", body).status_code == 200
    turns = clerk.turns(3)
    assert [(turn["status"], turn["run_id"]) for turn in turns] == [
        ("success", None),
        ("success", None),
        ("success", run_id),
    ]


def test_a_turn_that_nobody_decides_on_is_ended_first(begin: Callable[..., Clerk]) -> None:
    clerk = begin(TOOL_APPROVAL_HOURS="0.001")
    run_id = clerk.start("waits")
    assert clerk.say("refund")["status"] == "waiting_for_approval"
    clerk.ask("POST", f"/api/runs/{run_id}/events/Go", {})
    turns = clerk.turns(3)
    assert [(turn.get("error_code", ""), turn["run_id"]) for turn in turns] == [
        ("", None),
        ("approval_expired", None),
        ("", run_id),
    ]


def test_what_a_failed_turn_was_told_is_known_in_the_next(begin: Callable[..., Clerk]) -> None:
    clerk = begin(AGENT_RETRY_ATTEMPTS="1")
    run_id = clerk.start("waits")
    (clerk.outbox / "down").touch()
    clerk.ask("POST", f"/api/runs/{run_id}/events/Go", {})
    assert clerk.turns(2)[1]["status"] == "failed"
    (clerk.outbox / "down").unlink()
    assert "waits 0" in clerk.say("repeat")["response"]


def test_what_an_orchestration_has_the_agent_start_comes_back_to_nobody(begin: Callable[..., Clerk]) -> None:
    clerk = begin()
    run = clerk.ask("POST", "/api/runs/ask_clerk?wait=20", {"way": "ends"}).json()
    assert run["runtime_status"] == "Completed"
    (started,) = clerk.ask("GET", "/api/runs?orchestration=errand").json()["runs"]
    assert "answer" not in clerk.finish(started["instance_id"])["links"]
    assert len(clerk.asked) == 2


@pytest.mark.kills
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
@pytest.mark.parametrize("way", ["ends", pytest.param("fails", marks=pytest.mark.thorough)])
def test_a_kill_at_each_commit_changes_nothing(way: str, tmp_path: Path) -> None:
    outbox = tmp_path / "outbox"
    folders = {"OUTBOX_DIR": str(outbox), "STATE_DIR": str(tmp_path / "state")}
    host = SupervisedHost(tmp_path, APP, ("--import", "durable_agents"), environment=folders)
    try:
        clerk = Clerk(host.url, outbox)
        host.plan.arm([Kill(when, Point.COMMIT) for _ in range(20) for when in (When.BEFORE, When.AFTER)])
        clerk.say(f"start {way}", key="once")
        turns = clerk.turns(2)
        assert len(host.plan.left()) < 34
        clerk.say("Thanks", key="twice")
        turns = clerk.turns(3)
        assert [turn["status"] for turn in turns] == ["success"] * 3
        assert [turn["run_id"] is None for turn in turns] == [True, False, True]
        runs = clerk.ask("GET", "/api/runs?orchestration=errand").json()["runs"]
        assert [run["instance_id"] for run in runs] == [turns[1]["run_id"]]
    finally:
        host.close()
