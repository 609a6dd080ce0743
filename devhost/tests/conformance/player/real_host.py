"""Replays what was asked of Microsoft's host on Azure Storage, from the recording itself.

A recorded request is sent as it stands; a recorded note, such as "history of x", is taken again. What went before and
was not kept, the starts above all, is in `BEFORE`. A case that cannot be told from its recording is in `NOT_REPLAYED`.
"""

import ast
import http.client
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .newest import as_newest
from .play import WEBHOOK, Answer, Json, Play
from .tidy import tidy

_LONG = 2000
SECONDS = 8.0
"""How long an answer may take to become the recorded one: most follow on work that is still under way."""

NOT_REPLAYED = {
    "history_of_retries": "played by the recorded case history_of_everything",
    "ids_by_sdk": "the route that started these is not in the app",
    "large": "the payloads were not kept, only about how large they were",
    "large_child": "as large",
    "large_entity": "as large",
    "large_event": "as large",
    "large_failure": "as large",
    "last_purge_many": "it deletes all that there is; devhost deletes only what has ended",
    "list_entities_among_instances": "devhost lists entities apart from instances",
    "list_order": "devhost lists runs in the order in which they began, Azure Storage by their ids",
    "restart_child": "the parent was not kept",
    "restart_states": "which runs were restarted was not kept; the recorded case restart plays it",
    "reuse": "which request an entry is about was not kept",
    "status_sizes": "played by test_turn_ending.py",
    "suspended_deadline": "its orchestration is not in the app",
    "suspended_race_last": "its orchestrations are not in the app",
    "timer_early": "devhost's timers are never early",
    "entity_list": "another list of entities than that of a new hub",
}

_FLAKY = ["act", "flaky", "{}"]


def _program(*steps: Json) -> dict[str, Json]:
    return {"steps": list(steps), "results": []}


def _started(name: str, iid: str, body: Json = None, until: str = "Running") -> Callable[[Play], None]:
    def start(play: Play) -> None:
        starter = play.start_sdk if name in ("program", "race", "sub_given") else play.start
        starter(name, body, iid=iid)
        play.wait(iid, until=(until,), seconds=SECONDS, show=False)

    return start


def _failed(iid: str, *steps: Any) -> Callable[[Play], None]:
    return _started("program", iid, _program(*_named(list(steps), iid)), "Failed")


def _named(value: Any, iid: str) -> Any:
    if isinstance(value, list):
        return [_named(item, iid) for item in value]
    return value.replace("{}", iid) if isinstance(value, str) else value


def _raised(iid: str, name: str) -> Callable[[Play], None]:
    return lambda play: play.raise_event(iid, name, 1, keep=False)


def _signalled(key: str) -> Callable[[Play], None]:
    def signal(play: Play) -> None:
        play.call("POST", f"{WEBHOOK}/entities/Counter/{key}?op=add", "5", keep=False)

    return signal


def _started_without_body(name: str, iid: str) -> Callable[[Play], None]:
    """As `curl -X POST` does: without Content-Length."""

    def start(play: Play) -> None:
        connection = http.client.HTTPConnection(play.base.removeprefix("http://"))
        connection.putrequest("POST", f"{WEBHOOK}/orchestrators/{name}/{iid}")
        connection.endheaders()
        connection.getresponse().read()
        connection.close()

    return start


BEFORE: Mapping[tuple[str, int], Sequence[Callable[[Play], None]]] = {
    ("event_names", 0): [_started("wait_go", "evn")],
    ("event_names", 8): [_raised("evn", "go")],
    ("event_states", 0): [_started("wait_go", "evs"), _started("fail_first", "evf", until="Failed")],
    ("event_to_entity", 0): [_signalled("ev")],
    ("ids_case", 0): [_started("wait_go", "case")],
    ("list_filters", 0): [
        *(_started("noop", f"ls-{n}", {"n": n}, "Completed") for n in range(3)),
        *(_started("wait_go", f"ls-{n}", {"n": n}) for n in (3, 4)),
    ],
    ("list_pages", 0): [_started("noop", f"pg-{n}", {}, "Completed") for n in range(7)],
    ("purge_busy", 0): [_started("first_wins", "pgbusy")],
    ("purge_ended", 0): [
        _started("noop", "pgnoop", {}, "Completed"),
        _started("fail_first", "pgfail_first", {}, "Failed"),
        _started("wait_go", "pgterm"),
    ],
    ("purge_entity", 0): [_signalled("pge")],
    ("purge_parent", 0): [_started("program", "pgparent", _program(["sub", [["act", "echo", 1]], "kid"]), "Completed")],
    ("purge_running", 0): [_started("wait_go", "pgrun")],
    ("purge_suspended", 0): [_started("wait_go", "pgsus")],
    ("reuse_of_child", 0): [_started("wait_go", "busyid"), _started("sub_given", "parent", "busyid", "Completed")],
    ("reuse_of_child", 1): [_raised("busyid", "go")],
    ("rewind_activity", 0): [_failed("rw", ["act", "echo", 1], _FLAKY, ["act", "echo", 2])],
    ("rewind_caught", 0): [
        _failed("rwcaught", ["try", ["act", "flaky", "{}a"]], ["act", "echo", 1], ["act", "flaky", "{}b"])
    ],
    ("rewind_child_alone", 0): [_failed("rwkid", ["sub", [_FLAKY], "kid"])],
    ("rewind_entity", 0): [_failed("rwentity", ["entity", "e", "fail", None])],
    ("rewind_fan_out", 0): [
        _failed("rwfan", ["all", [*(["act", "flaky", f"{{}}{n}"] for n in range(3)), ["act", "echo", "ok"]]])
    ],
    ("rewind_generations", 0): [_failed("rwagain", ["act", "echo", 1], ["again"], _FLAKY)],
    ("rewind_parent", 0): [
        _failed(
            "rwparent", ["sub", [_FLAKY, ["act", "echo", "child went on"]], "kid"], ["act", "echo", "parent went on"]
        )
    ],
    ("rewind_raise", 0): [_failed("rwraise", ["raise", "own fault"]), _started("fail_first", "rwfirst", {}, "Failed")],
    ("rewind_retries", 0): [_failed("rwretry", ["retry", "flaky", "r", 20, 2])],
    ("rewind_states", 0): [
        _started("noop", "rwdone", {}, "Completed"),
        _started("wait_go", "rwrun"),
        _started("fail_first", "rwnoreason", {}, "Failed"),
    ],
    ("rewind_timer", 0): [_failed("rwtimer", ["status", "here"], ["timer", 10], _FLAKY)],
    ("rewind_unknown_function", 0): [_started("NoSuch", "rwnosuch", {}, "Failed")],
    ("start_without_body", 0): [_started_without_body("noop", "nobody1")],
    ("start_without_body", 2): [_started_without_body("what_input", "nobody2")],
    ("suspend_more", 0): [_started("wait_go", "su")],
    ("suspended_between", 0): [
        _started("program", "sub2", _program(["act", "slow", 2500], ["act", "echo", "second"])),
    ],
    ("suspended_between", 1): [lambda play: time.sleep(3)],
    ("suspended_child", 0): [_started("sub_waits", "suc"), lambda play: play.running("kid-suc")],
    ("suspended_race", 0): [_started("race", "sur", 30)],
    ("suspended_status", 0): [
        _started("program", "sut", _program(["status", {"stage": 1}], ["timer", 2500], ["act", "echo", "on"]))
    ],
    ("terminate_busy", 0): [_started("first_wins", "tb"), lambda play: time.sleep(0.5)],
    ("terminate_children", 0): [_started("sub_waits", "tc"), lambda play: play.running("kid-tc")],
    ("terminate_then_start", 0): [_started("wait_go", "ts")],
    ("terminate_then_start", 3): [_raised("ts", "go")],
}
_SHOWN = ("EventType", "FunctionName", "Reason", "Result", "OrchestrationStatus", "Data")
_WITH_NAME = ("TaskScheduled", "EventRaised")


def replay(play: Play, name: str, recorded: Sequence[Mapping[str, Any]], may_differ: Collection[int] = ()) -> list[Any]:
    """Play one case and return an exchange for each recorded one; None for what cannot be taken again.

    One that may differ is given a moment to become what it is, the others time to become what was recorded.
    """
    answers = []
    for index, entry in enumerate(recorded):
        for step in BEFORE.get((name, index), ()):
            step(play)
        answers.append(_repeat(play, entry, 1.5 if index in may_differ else SECONDS))
    return answers


def _repeat(play: Play, entry: Mapping[str, Any], seconds: float) -> Any:
    """Take an exchange, again and again until it is the recorded one, and return the last."""
    end = time.monotonic() + seconds
    while True:
        got = _tidied(play, entry, _take(play, entry))
        if got is None or got == as_newest({"": entry})[""] or time.monotonic() > end:
            return got
        if got["status"] == 202 and not entry["request"].startswith("GET "):
            return got
        time.sleep(0.1)


def _tidied(play: Play, entry: Mapping[str, Any], got: Any) -> Any:
    if got is None:
        return None
    changed = got if isinstance(got, Mapping) and "request" in got else {**entry, "body": got}
    answer: Any = as_newest({"": _shortened(tidy(changed, play))})[""]
    if isinstance(answer["body"], dict):
        # Newer than the recording, which is of 3.14.1.
        answer["body"].pop("parentInstanceId", None)
    return answer


def _shortened(value: Any) -> Any:
    """Cut long texts as the recording has them cut."""
    if isinstance(value, dict):
        return {name: _shortened(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    is_long = isinstance(value, str) and len(value) > _LONG
    return f"{value[:200]}... ({len(value)} letters)" if is_long else value


def _take(play: Play, entry: Mapping[str, Any]) -> Any:
    request = entry["request"]
    if "{time" in request:
        return None
    request = re.sub(r"r+\.\.\. \(\d+ letters\)", "r" * 3000, request)
    if found := re.fullmatch(r"(GET|POST|DELETE) (/\S*)", request):
        sent = entry.get("sent")
        raw = sent.encode() if isinstance(sent, str) else None
        play.call(found[1], found[2], body=None if raw else sent, raw=raw)
        exchange: Any = play.exchanges[-1]
        return {**exchange, "request": entry["request"]}
    for pattern, take in _NOTES:
        if found := re.fullmatch(pattern, request, re.DOTALL):
            return take(play, found[1])
    return None


def _path(text: str) -> str:
    return quote(ast.literal_eval(text), safe="")


def _start(play: Play, path: str) -> Json:
    answer = play.call("POST", f"{WEBHOOK}/orchestrators/noop/{path}", {}, keep=False)
    if not isinstance(answer.body, dict) or "id" not in answer.body:
        return [answer.status, answer.body]
    iid = str(answer.body["id"])
    play.wait(quote(iid, safe=""), seconds=SECONDS, show=False)
    status: Any = play.call("GET", f"{WEBHOOK}/instances/{quote(iid, safe='')}", keep=False)
    return [answer.status, iid, status.status, status.body["instanceId"], status.body["runtimeStatus"]]


def _brief(answer: Answer) -> Json:
    return [answer.status, answer.body]


def _signal(play: Play, text: str) -> Json:
    return _brief(play.call("POST", f"{WEBHOOK}/entities/Counter/{_path(text)}?op=add", "5", keep=False))


def _read(play: Play, text: str) -> Json:
    return _brief(play.call("GET", f"{WEBHOOK}/entities/Counter/{_path(text)}", keep=False))


def _raise(play: Play, text: str) -> Json:
    return _brief(play.call("POST", f"{WEBHOOK}/instances/evn/raiseEvent/{_path(text)}", 1, keep=False))


def _list(play: Play, path: str) -> Json:
    answer: Any = play.call("GET", f"{WEBHOOK}/{path}", keep=False)
    rows = answer.body
    more = bool(answer.headers.get("x-ms-continuation-token"))
    shown = [row["instanceId"] for row in rows] if isinstance(rows, list) else rows
    return [answer.status, shown, isinstance(rows, list), more]


def _page(play: Play, text: str) -> Json:
    number, size = map(int, text.split(" of "))
    token = ""
    for _ in range(number + 1):
        answer: Any = play.call(
            "GET",
            f"{WEBHOOK}/instances?instanceIdPrefix=pg-&top={size}",
            headers={"x-ms-continuation-token": token},
            keep=False,
        )
        token = answer.headers.get("x-ms-continuation-token", "")
    return [answer.status, [row["instanceId"] for row in answer.body], True, bool(token)]


def _odd_token(play: Play, text: str) -> Json:
    headers = {"x-ms-continuation-token": {"that is none": "none!", "of base64": "bm9uZQ=="}[text]}
    answer = play.call("GET", f"{WEBHOOK}/instances?instanceIdPrefix=pg-", headers=headers, keep=False)
    return [answer.status, answer.body]


def _history(play: Play, iid: str) -> Json:
    answer: Any = play.call("GET", f"{WEBHOOK}/instances/{iid}?showHistory=true&showHistoryOutput=true", keep=False)
    return [_event(event) for event in answer.body["historyEvents"]]


def _event(event: Mapping[str, Any]) -> Json:
    names = (*_SHOWN, "Name") if event["EventType"] in _WITH_NAME else _SHOWN
    return {name: event[name] for name in names if name in event}


def _outcome(play: Play, iid: str) -> Json:
    play.wait(iid, seconds=SECONDS, show=False)
    status = play.peek(iid)
    return [status.get("runtimeStatus"), status.get("output"), status.get("customStatus")]


_NOTES: Sequence[tuple[str, Callable[[Play, str], Json]]] = (
    (r"start under ('.*'|\".*\")", lambda play, text: _start(play, _path(text))),
    (r"start under (\d+) letters", lambda play, text: _start(play, play.id("x" * (int(text) - 8)))),
    (r"start under (\.\.?|\$)", _start),
    (r"start under (one blank)", lambda play, text: _start(play, "%20")),
    (r"signal (.*)", _signal),
    (r"read (.*)", _read),
    (r"raise ('.*')", _raise),
    (r"GET (instances\S*)", _list),
    (r"prefix in (capitals)", lambda play, text: _list(play, "instances?instanceIdPrefix=LS-")),
    (r"page (\d of \d)", _page),
    (r"a token (that is none|of base64)", _odd_token),
    (r"history of (\S+)", _history),
    (r"(\S+) (?:became|after rewind)", _outcome),
)
