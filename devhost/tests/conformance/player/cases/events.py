"""External events: how they arrive, early, late, twice, in another order, over generations."""

import time

from ..play import WEBHOOK, Case, Json, Play


def event_by_webhook(play: Play) -> None:
    bodies: dict[str, Json] = {"object": {"k": 1}, "string": "text", "number": 7, "false": False, "list": []}
    for label, body in bodies.items():
        iid = play.start("wait_go", iid=play.id(f"ev-{label}"))
        play.running(iid)
        play.raise_event(iid, "go", body)
        play.wait(iid)


def event_by_sdk(play: Play) -> None:
    bodies: dict[str, Json] = {"object": {"k": 1}, "string": "text", "number": 7}
    for label, body in bodies.items():
        iid = play.start_sdk("wait_go", iid=play.id(f"sev-{label}"))
        play.running(iid)
        play.call("POST", f"/api/sdk/raise/{iid}?name=go", body)
        play.wait(iid)


def event_refused(play: Play) -> None:
    iid = play.start("wait_go")
    play.running(iid)
    play.raise_event(iid, "go", raw=b"{bad")
    play.raise_event(iid, "go", raw=b"text", ctype="text/plain")
    play.raise_event("nobody", "go", 1)
    play.raise_event(iid, "go")
    play.wait(iid, seconds=3)
    play.call("GET", f"{WEBHOOK}/instances/{iid}/raiseEvent/go")
    play.raise_event(iid, "go", 1, keep=False)
    play.wait(iid)
    play.raise_event(iid, "go", 1)


def event_early(play: Play) -> None:
    iid = play.start("wait_late")
    play.running(iid)
    play.raise_event(iid, "go", {"n": 1})
    play.wait(iid)


def event_early_twice(play: Play) -> None:
    iid = play.start("wait_late")
    play.running(iid)
    play.raise_event(iid, "go", {"n": 1})
    play.raise_event(iid, "go", {"n": 2})
    play.wait(iid)


def event_two_waits(play: Play) -> None:
    iid = play.start("wait_two")
    play.running(iid)
    play.raise_event(iid, "go", 1)
    play.running(iid)
    play.raise_event(iid, "go", 2)
    play.wait(iid)


def event_name_case(play: Play) -> None:
    iid = play.start("wait_upper")
    play.running(iid)
    play.raise_event(iid, "gO", 1)
    play.wait(iid)


def event_wins_race(play: Play) -> None:
    iid = play.start_sdk("race", 20)
    play.running(iid)
    play.raise_event(iid, "go", 1)
    play.ends_within(iid, 5)


def event_beats_long_timer(play: Play) -> None:
    iid = play.start("long_race")
    play.running(iid)
    play.raise_event(iid, "go", 1)
    play.wait(iid)


def events_out_of_order(play: Play) -> None:
    iid = play.start("three_events")
    play.running(iid)
    for name in ("c", "a", "b"):
        play.raise_event(iid, name, name, keep=False)
    play.wait(iid)


def event_in_mixed_any(play: Play) -> None:
    iid = play.start("mixed_any")
    play.running(iid)
    time.sleep(1)
    play.raise_event(iid, "go", 1)
    play.wait(iid)


def events_over_generations(play: Play) -> None:
    iid = play.start("again_event")
    play.running(iid)
    for number in (1, 2, 3):
        play.raise_event(iid, "next", number, keep=False)
        time.sleep(1.2)
    play.wait(iid)


def events_over_generations_at_once(play: Play) -> None:
    iid = play.start("again_event")
    play.running(iid)
    for number in (1, 2, 3):
        play.raise_event(iid, "next", number, keep=False)
    play.wait(iid, seconds=6)


CASES: dict[str, Case] = {
    case.__name__: case
    for case in (
        event_by_webhook,
        event_by_sdk,
        event_refused,
        event_early,
        event_early_twice,
        event_two_waits,
        event_name_case,
        event_wins_race,
        event_beats_long_timer,
        events_out_of_order,
        event_in_mixed_any,
        events_over_generations,
        events_over_generations_at_once,
    )
}
