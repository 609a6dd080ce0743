"""devhost builds the histories that Azure's extension was recorded to build for the same runs.

The recorded orchestrations run on a real engine and a real task hub; what the worker is asked, turn by turn, is
compared with what the extension asked: every event, id, field and `IsPlayed` flag. Only times, GUIDs, the texts of
stack traces and a few fields that differ on purpose are left out.
"""

import asyncio
import json
import re
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from devhost.app_settings import load_host_settings
from devhost.clock import SystemClock
from devhost.engine.engine import Engine
from devhost.functions import Function, FunctionTable, TriggerType
from devhost.hub.store import TaskHub
from devhost.protocol.history import EventType
from devhost.protocol.json_text import compact
from devhost.sessions import Mode
from devhost.tests.conformance.player.compare import differences
from devhost.tests.conformance.player.newest import one_blank
from devhost.tests.conformance.player.target import target_server
from devhost.tests.support.worker_here import WorkerHere
from devhost.worker import FunctionFailedError

HERE = Path(__file__).resolve().parent
TURNS: dict[str, Any] = one_blank(json.loads((HERE / "recordings" / "turns.json").read_text(encoding="utf-8")))
ORCHESTRATIONS = [title for title in TURNS if not title.startswith(("entity ", "activity ", "durable client"))]
LONGEST_SECONDS = 20

FIELDS_ON_PURPOSE = {
    "maximumShortTimerDuration": "the Azure Storage provider's longest timer; devhost has none, like DTS",
    "longRunningTimerIntervalDuration": "goes with it",
    "Server": "in the result of an HTTP call .NET makes a list of this header's words; devhost leaves headers as sent",
}
# How results fall into turns depends on when they come; these runs are compared as a whole.
IN_OTHER_TURNS = {
    "fan_fail": "the extension polled and found three results; devhost gives the first a turn when it is there",
    "retry_parallel": "attempts that failed at once are each given a turn: what belongs to a retry policy comes alone",
}

Functions = tuple[FunctionTable, dict[str, Callable[[Any], Any]]]
Request = dict[str, Any]


class RecordingWorker(WorkerHere):
    """Runs the app's functions, and keeps what orchestrators and entities were asked."""

    def __init__(self, functions: dict[str, Callable[[Any], Any]]) -> None:
        super().__init__()
        self.turns: defaultdict[str, list[Request]] = defaultdict(list)
        self.batches: list[Request] = []
        self._functions = functions

    async def run(self, function: Function, payload: str, client: str = "") -> Any:
        """Run a function, as `call` does."""
        return self.call(function, payload)

    def call(self, function: Function, payload: str) -> Any:
        """Run a function on JSON text and return the JSON text of its answer.

        Raises:
            FunctionFailedError: It raised.
        """
        request = json.loads(payload)
        user_code = self._functions[function.name]
        try:
            match function.trigger_type:
                case TriggerType.ACTIVITY:
                    return compact(user_code(request))
                case TriggerType.ORCHESTRATION:
                    self.turns[request["instanceId"]].append(request)
                case TriggerType.ENTITY:
                    self.batches.append(request)
            return user_code(SimpleNamespace(body=payload))
        except Exception as ex:
            raise FunctionFailedError(f"{type(ex).__name__}: {ex}", traceback.format_exc()) from ex


@pytest.fixture(scope="module")
def functions(registered: list[Any]) -> Functions:
    """The reference app's functions, as the engine looks them up and as they are called."""
    table = FunctionTable(
        Function(one.get_function_name(), "", one.get_trigger().type, one.get_trigger().name, {}) for one in registered
    )
    return table, {one.get_function_name(): one.get_user_function() for one in registered}


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    """Serve what the HTTP calls of orchestrations call."""
    with target_server() as url:
        yield url


@pytest.mark.parametrize("title", ORCHESTRATIONS)
async def test_turns_are_those_recorded(functions: Functions, target: str, title: str) -> None:
    recorded = at_target([turn["request"] for turn in TURNS[title]], target)
    got = (await replayed(functions, recorded)).turns[recorded[0]["instanceId"]]
    if title in IN_OTHER_TURNS:
        assert events_but_turns(got[-1]) == events_but_turns(recorded[-1])
    else:
        different = list(differences(tidy(recorded), tidy(got)))
        assert not different, "\n".join(different)


async def test_entity_is_asked_as_recorded(functions: Functions) -> None:
    """The recording of the entity begins with the third operation."""
    recorded = [turn["request"] for turn in TURNS["entity_calls"]]
    got = (await replayed(functions, recorded)).batches
    batches = [turn["request"] for turn in TURNS["entity Counter of entity_calls"]]
    assert not list(differences(tidy(batches), tidy(got[2:])))


async def replayed(functions: Functions, recorded: list[Request]) -> RecordingWorker:
    """Run what was recorded, under the same id and with the same events, and return the worker."""
    table, user_code = functions
    worker, hub = RecordingWorker(user_code), TaskHub(None)
    engine = Engine(hub, worker, table, SystemClock(), load_host_settings(HERE / "app", {}), Mode.REPLAY)
    started = recorded[0]["history"][1]
    instance_id = recorded[0]["instanceId"]
    engine.start()
    try:
        await engine.client.start(started["Name"], instance_id, started["Input"])
        async with asyncio.timeout(LONGEST_SECONDS):
            for number, request in enumerate(recorded):
                for event in external_events(request):
                    while len(worker.turns[instance_id]) < number:
                        await asyncio.sleep(0.01)
                    await engine.client.raise_event(instance_id, event["Name"], event["Input"])
            assert await engine.client.wait(instance_id, LONGEST_SECONDS)
    finally:
        await engine.stop(grace_seconds=1)
        hub.close()
    return worker


def events_but_turns(request: Request) -> Counter[str]:
    """Return the events of a request but those that begin and end turns, without their ids."""
    turns = (EventType.ORCHESTRATOR_STARTED, EventType.ORCHESTRATOR_COMPLETED)
    ids = ("EventId", "TaskScheduledId", "TimerId", "IsPlayed")
    return Counter(
        compact(tidy({name: value for name, value in sorted(event.items()) if name not in ids}))
        for event in request["history"]
        if event["EventType"] not in turns
    )


def external_events(request: Request) -> list[dict[str, Any]]:
    """Return the external events that are new in a turn; a reply of an entity has a GUID for a name."""
    history = request["history"]
    begun = max(n for n, event in enumerate(history) if event["EventType"] == EventType.ORCHESTRATOR_STARTED)
    new = [event for event in history[begun:] if event["EventType"] == EventType.EVENT_RAISED]
    return [event for event in new if not GUID.fullmatch(event["Name"])]


GUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}|\b[0-9a-f]{32}\b")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")


def tidy(value: Any, key: str = "") -> Any:
    """Return a JSON value found under `key`, JSON in texts parsed, with placeholders for what is never the same."""
    if isinstance(value, dict):
        return {name: tidy(one, name) for name, one in value.items() if name not in FIELDS_ON_PURPOSE}
    if isinstance(value, list):
        return [tidy(one) for one in value]
    if not isinstance(value, str):
        return value
    if key == "Details":
        return "{stack}"
    if key == "Date":
        return "{date}"
    if value[:1] in ("{", "["):
        return tidy(json.loads(value))
    return TIME.sub("{time}", GUID.sub("{guid}", value))


def at_target(requests: list[Request], target: str) -> list[Request]:
    """Return the requests with the URL of the server that was called when they were recorded replaced by another."""
    there: list[Request] = json.loads(re.sub(r"http://127\.0\.0\.1:\d+", target, json.dumps(requests)))
    return there
