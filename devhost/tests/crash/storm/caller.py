"""One caller in a storm: lives through one run after the other, and sees each end as it should."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from devhost.protocol.history import EventType
from devhost.testing.kills.supervised_host import LostAnswerError
from devhost.tests.crash import errands
from devhost.tests.crash.crash_host import CrashHost
from devhost.tests.crash.errands import Steps
from devhost.tests.crash.storm.promises import Promises

_FINAL = ("Completed", "Failed", "Terminated")
# The extension answers with 500 to who suspends what is suspended, or resumes what is not.
_WRONG_STATE = "System.InvalidOperationException"


@dataclass(slots=True)
class Caller:
    """Talks to a host as an app's users do. Where a kill lost an answer it asks again."""

    host: CrashHost
    promises: Promises
    dice: Random
    name: str
    is_killed: bool

    def live(self, lives: list[Life], end: float) -> None:
        """Go through lives until the time is over."""
        for number in itertools.takewhile(lambda _: time.monotonic() < end, itertools.count()):
            life = self.dice.choice(lives)
            life(self, f"{self.name}-{number}")
            self.promises.lives[life.__name__] += 1

    # Requests

    def start(self, run: str, steps: Steps, name: str = "") -> None:
        """Start a run of this id, under another name in its effects if one is given."""
        name = name or run
        self.promises.run(name, steps)
        answer, asked = self.ask("POST", f"/orchestrators/errands/{run}", errands.order(name, steps))
        assert answer == 202 or (asked > 1 and answer == 409), f"start of {run}: {answer}"

    def ask(self, method: str, path: str, body: Any = None, *expected: int) -> tuple[int, int]:
        """Send a request until it is answered; return the status and how often it was sent."""
        for asked in itertools.count(1):
            try:
                answer = self.host.ask(method, path, body)
            except LostAnswerError:
                continue
            status = 412 if _WRONG_STATE in answer.text else answer.status_code
            assert status < 500, f"{method} {path}: {status} {answer.text}"
            assert not expected or status in expected, f"{method} {path}: {status} {answer.text}"
            return status, asked
        raise AssertionError("never")

    def tell(self, run: str, event: str, value: Any) -> int:
        """Raise an event and return how often it was sent."""
        answer, asked = self.ask("POST", f"/instances/{run}/raiseEvent/{event}", value)
        assert answer == 202 or (asked > 1 and answer == 410), f"{event} of {run}: {answer}"
        return asked

    def pause(self, longest: float) -> None:
        """Wait a little."""
        time.sleep(self.dice.random() * longest)

    # Ends

    def complete(self, run: str, output: list[Any]) -> None:
        """See that a run completes with this output."""
        ended = self.end(run)
        assert (ended["runtimeStatus"], ended["output"]) == ("Completed", output), f"{run}: {ended}, not {output}"

    def end(self, run: str, *also: str) -> dict[str, Any]:
        """Return the status of a run that has ended, or has another of these."""
        end = time.monotonic() + self.host.patience
        while (status := self.host.status(run)).get("runtimeStatus") not in (*_FINAL, *also):
            assert time.monotonic() < end, f"{run} never ends: {status}\n{self.host.log()[-4000:]}"
            time.sleep(0.01)
        return status

    def events_of(self, run: str) -> list[str]:
        """Return the names of the external events in a run's history."""
        rows = self.host.rows("SELECT event FROM history WHERE instance_id = ? ORDER BY n", run)
        events = [json.loads(row) for (row,) in rows]
        return [event["Name"] for event in events if event["EventType"] == EventType.EVENT_RAISED]

    def forget(self, run: str) -> None:
        """Purge most runs, so that the list stays short."""
        if self.dice.random() < 0.8:
            answer, asked = self.ask("DELETE", f"/instances/{run}")
            assert answer == 200 or (asked > 1 and answer == 404), f"purge of {run}: {answer}"

    def random_steps(self, run: str, depth: int = 2) -> Steps:
        """Return steps whose keys name the run."""
        return errands.random_steps(self.dice, (f"{run}.{n}" for n in itertools.count()), depth)


Life = Callable[[Caller, str], None]


def anything(caller: Caller, run: str) -> None:
    """Run random steps; events may come before they are waited for."""
    steps = caller.random_steps(run)
    caller.start(run, steps)
    for event in errands.events(steps):
        if caller.dice.random() < 0.5:
            caller.host.wait(run, customStatus=f"waits for {event}")
        caller.tell(run, event, event)
    caller.complete(run, errands.results(steps))
    caller.forget(run)


def chain(caller: Caller, run: str, length: int = 150, events: int = 12) -> None:
    """Run a chain of short activities into which events come, each of which it hears, once and in order."""
    steps = [*marks(run, length), ["hear", "noise", events]]
    caller.start(run, steps)
    sent: list[str] = []
    for number in range(events):
        event = f"noise{number}"
        sent += [event] * caller.tell(run, event, number)
        caller.pause(0.006)
    caller.complete(run, errands.results(steps))
    came = caller.events_of(run)
    assert list(dict.fromkeys(came)) == list(dict.fromkeys(sent)), f"{run} was sent {sent}, and got {came}"
    assert not Counter(came) - Counter(sent), f"{run} was sent {sent}, and got {came}"
    caller.forget(run)


def short_chain(caller: Caller, run: str) -> None:
    """Run a chain of a few activities."""
    chain(caller, run, caller.dice.randint(1, 40), caller.dice.randint(1, 6))


def wide(caller: Caller, run: str) -> None:
    """Fan out twice, and race a timer that is canceled."""
    steps: list[list[Any]] = [
        ["fan", *([f"{run}.{side}{n}", caller.dice.randint(0, 20)] for n in range(caller.dice.randint(1, 40)))]
        for side in "lr"
    ]
    steps.insert(1, ["race", f"{run}.race", 3])
    caller.start(run, steps)
    caller.complete(run, errands.results(steps))
    caller.forget(run)


def suspended(caller: Caller, run: str) -> None:
    """Suspend and resume a chain while it runs."""
    steps = [*marks(run, 60), ["count", f"{run}.called"], ["nap", 20], *marks(f"{run}.then", 5)]
    caller.start(run, steps)
    for _ in range(caller.dice.randint(1, 3)):
        caller.pause(0.05)
        answer, asked = caller.ask("POST", f"/instances/{run}/suspend?reason=wait", None, 202, 410, 412)
        if answer == 410:
            break
        if answer == 412 and asked == 1:  # the last request to resume is still on its way
            continue
        caller.end(run, "Suspended")
        caller.ask("POST", f"/instances/{run}/resume", None, 202, 410, 412)
    caller.complete(run, errands.results(steps))
    caller.forget(run)


def terminated(caller: Caller, run: str) -> None:
    """Terminate a run somewhere; it ends so, or has ended before."""
    steps = caller.dice.choice([marks(run, 100), caller.random_steps(run, depth=1)])
    caller.start(run, steps)
    caller.pause(0.3)
    answer, asked = caller.ask("POST", f"/instances/{run}/terminate?reason=enough", None, 202, 410)
    ended = caller.end(run)
    if ended["runtimeStatus"] == "Completed":
        assert ended["output"] == errands.results(steps), f"{run}: {ended}"
    else:
        caller.promises.runs[run].is_cut = True
        assert (ended["runtimeStatus"], ended["output"]) == ("Terminated", "enough"), f"{run}: {ended}"
        assert answer == 202 or asked > 1, f"{run} was terminated, and the request refused"
    caller.forget(run)


def reborn(caller: Caller, run: str) -> None:
    """Start a run of the same id again, while a request to purge the first is under way."""
    for number, name in enumerate((run, f"{run}.anew")):
        steps = [*marks(name, 5), ["wait", "go"], ["count", f"{name}.called"]]
        if number:
            purging = threading.Thread(target=caller.ask, args=("DELETE", f"/instances/{run}", None, 200, 404, 412))
            purging.start()
            if caller.is_killed:  # a request that is sent again may come after the start
                purging.join()
            caller.start(run, steps, name)
            purging.join()
        else:
            caller.start(run, steps)
        caller.tell(run, "go", "go")
        caller.complete(run, errands.results(steps))
    caller.forget(run)


def restarted(caller: Caller, run: str) -> None:
    """Restart a run under its own id."""
    steps = [*marks(run, 8), ["count", f"{run}.called"], ["nap", 5]]
    caller.start(run, steps)
    caller.complete(run, errands.results(steps))
    if not caller.is_killed:  # asked once more, it would be restarted once more
        caller.promises.again(run)
        caller.ask("POST", f"/instances/{run}/restart?restartWithNewInstanceId=false", None, 202)
        caller.complete(run, errands.results(steps))
    caller.forget(run)


def signalling(caller: Caller, run: str) -> None:
    """Signal an entity from outside, beside a run that calls its own."""
    steps = [["count", f"{run}.{n}"] if n % 3 else ["signal", f"{run}.{n}"] for n in range(12)]
    caller.start(run, steps)
    sent = caller.promises.signals[f"{run}.out"] = Counter()
    for number in range(caller.dice.randint(3, 12)):
        key = f"{run}.out{number}"
        # The SDK reads a signal's body as the text of a text.
        _, sent[key] = caller.ask("POST", f"/entities/tally/{run}.out?op=count", json.dumps(key), 202)
    caller.complete(run, errands.results(steps))
    caller.forget(run)


def marks(name: str, count: int) -> list[list[Any]]:
    """Return a chain of activities that do some input and output."""
    return [["mark", f"{name}.{n}", 0.3] for n in range(count)]


SHAPES: dict[str, tuple[int, list[Life]]] = {
    "mixed": (6, [anything, anything, short_chain, wide, suspended, terminated, reborn, restarted, signalling]),
    "chains": (2, [chain]),
}
"""By name: how many callers there are, and what lives they lead."""
