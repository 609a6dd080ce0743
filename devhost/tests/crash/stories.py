"""What the crash tests have a host do: short stories, each told to its end over HTTP while the host dies in between."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from devhost.testing.kills.kill_plan import Kill, Point, When
from devhost.testing.kills.supervised_host import LostAnswerError
from devhost.tests.crash import errands
from devhost.tests.crash.crash_host import CrashHost
from devhost.tests.crash.errands import Steps

_REQUESTS = {
    Point.START,
    Point.EVENT,
    Point.SUSPEND,
    Point.RESUME,
    Point.TERMINATE,
    Point.SIGNAL,
    Point.PURGE,
    Point.REWIND,
}


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells one story to a host, as a caller that sends a request again when its answer was lost.

    With a kill after the commit of a request it does not: what was committed must be there without being asked twice.
    """

    host: CrashHost
    run: str
    steps: Steps
    kills: Collection[Kill] = ()

    def start(self) -> None:
        """Start the errands."""
        self.ask("POST", f"/orchestrators/errands/{self.run}", errands.order(self.run, self.steps))

    def ask(self, method: str, path: str, body: Any = None) -> None:
        """Send a request; it was accepted when it is answered at the first attempt."""
        asks_once = any(kill.point in _REQUESTS and kill.when is When.AFTER for kill in self.kills)
        try:
            answer = self.host.ask(method, path, body)
            assert answer.status_code in (200, 202), f"{method} {path}: {answer.status_code} {answer.text}"
            return
        except LostAnswerError:
            if asks_once:
                return
        while True:
            try:
                self.host.ask(method, path, body)
                return
            except LostAnswerError:
                continue

    def raise_event(self, name: str) -> None:
        """Send an external event that carries its own name, once the run waits for it."""
        self.host.wait(self.run, customStatus=f"waits for {name}")
        self.ask("POST", f"/instances/{self.run}/raiseEvent/{name}", name)

    def end(self, status: str, output: Any) -> None:
        """See that the run ends like this, and that nothing is left to do."""
        ended = self.host.wait(self.run, runtimeStatus=status)
        assert ended["output"] == output
        self.host.wait_until_idle()

    def complete(self) -> None:
        """See that the run ends with what its steps give, and has applied each operation once, in order."""
        self.end("Completed", errands.results(self.steps))
        states = self.host.rows("SELECT state FROM entities WHERE entity_id = ?", f"@tally@{self.run}")
        applied = {key: number for (state,) in states for key, number in json.loads(state).items()}
        assert list(applied.items()) == list(errands.counted(self.steps).items())


@dataclass(frozen=True, slots=True)
class Story:
    """Steps, how they are told, and what happens more or less often than the steps alone say."""

    name: str
    steps: Steps
    tell: Callable[[Teller], None]
    extra: Counter[str] = field(default_factory=Counter)


def _everything(teller: Teller) -> None:
    teller.start()
    teller.raise_event("go")
    teller.complete()


def _failing(teller: Teller) -> None:
    teller.start()
    teller.end("Failed", "Orchestrator function 'errands' failed: no more")


def _suspended(teller: Teller) -> None:
    teller.start()
    teller.host.wait(teller.run, customStatus="waits for go")
    teller.ask("POST", f"/instances/{teller.run}/suspend")
    teller.host.wait(teller.run, runtimeStatus="Suspended")
    teller.raise_event("go")
    time.sleep(0.05)
    assert teller.host.status(teller.run)["runtimeStatus"] == "Suspended"
    teller.ask("POST", f"/instances/{teller.run}/resume")
    teller.complete()


def _terminated(teller: Teller) -> None:
    teller.start()
    teller.host.wait(teller.run, customStatus="waits for go")
    teller.ask("POST", f"/instances/{teller.run}/terminate?reason=enough")
    teller.end("Terminated", "enough")


def _purged(teller: Teller) -> None:
    teller.start()
    teller.complete()
    teller.ask("DELETE", f"/instances/{teller.run}")
    assert teller.host.status(teller.run) == {}
    assert teller.host.rows("SELECT n FROM history WHERE instance_id = ?", teller.run) == []


def _mended(teller: Teller) -> None:
    teller.host.mended.unlink(missing_ok=True)
    teller.start()
    teller.host.wait(teller.run, runtimeStatus="Failed")
    teller.host.wait_until_idle()
    teller.host.mended.touch()
    teller.ask("POST", f"/instances/{teller.run}/rewind")
    teller.complete()


def _signalled(teller: Teller) -> None:
    teller.start()
    teller.complete()
    teller.ask("POST", f"/entities/tally/{teller.run}?op=count", '"from outside"')
    teller.host.wait_until_idle()
    state = teller.host.read(f"/entities/tally/{teller.run}").json()
    assert state == {"called": 1, "from outside": 1}


EVERYTHING = Story(
    "everything",
    [
        ["mark", "first"],
        ["again"],
        ["mark", "second"],
        ["nap", 40],
        ["stumble", "bad"],
        ["child", ["mark", "inner"]],
        ["lost child", ["fail", "no"]],
        ["count", "called"],
        ["signal", "signalled"],
        ["signal", "signalled too"],
        ["wait", "go"],
        ["fan", ["left", 10], ["middle", 20], ["right", 30]],
        ["mark", "last"],
    ],
    _everything,
)
FAILING = Story("failing", [["mark", "first"], ["count", "called"], ["fail", "no more"]], _failing)
SUSPENDED = Story("suspended", [["mark", "first"], ["wait", "go"], ["mark", "last"]], _suspended)
TERMINATED = Story("terminated", [["mark", "first"], ["wait", "go"]], _terminated)
PURGED = Story("purged", [["mark", "first"], ["count", "called"]], _purged)
MENDED = Story(
    "mended", [["mark", "first"], ["child", ["mark", "inner"], ["fragile", "weak"]]], _mended, Counter(weak=1)
)
SIGNALLED = Story("signalled", [["count", "called"]], _signalled, Counter({"from outside": 1}))
