"""Orchestrations whose end is the whole story, and those that end while something they started is still open."""

import time

from ..play import WEBHOOK, Case, Play

_ORCHESTRATIONS = (
    "noop",
    "plain",
    "silent",
    "chain",
    "kinds",
    "fan",
    "fan_fail",
    "fail_first",
    "fail_later",
    "fail_label",
    "fail_activity",
    "catch_activity",
    "bad_output",
    "unknown_activity",
    "unknown_sub",
    "wrong_case",
    "drifting",
    "shrinking",
    "retry_ok",
    "retry_spent",
    "retry_parallel",
    "retry_sub",
    "sub_ok",
    "sub_fail",
    "sub_catch",
    "sub_catch_activity",
    "past_timer",
    "clock",
    "started_earlier",
    "entity_calls",
    "entity_parallel",
    "no_argument",
    "sub_again",
)


def _ending(name: str) -> Case:
    """Return the case that starts an orchestration and waits for its end."""

    def case(play: Play) -> None:
        play.wait(play.start(name))

    return case


def _forgotten_timer(name: str) -> Case:
    """Return the case of an orchestration that leaves a timer of six seconds pending when its event comes."""

    def case(play: Play) -> None:
        iid = play.start(name)
        play.running(iid)
        play.raise_event(iid, "go", 1)
        play.ends_within(iid, 3)

    return case


def continue_as_new(play: Play) -> None:
    play.wait(play.start_sdk("again", 0))


def race_timer(play: Play) -> None:
    play.wait(play.start_sdk("race", 1))


def big_payload(play: Play) -> None:
    play.wait(play.start_sdk("big_payload", 300_000))


def first_wins(play: Play) -> None:
    play.ends_within(play.start("first_wins"), 3)


def forgotten_entity_call(play: Play) -> None:
    play.ends_within(play.start("forgotten_entity_call"), 2.5)


def forgotten_child(play: Play) -> None:
    play.ends_within(play.start("forgotten_child"), 3)


def terminated_with_work_open(play: Play) -> None:
    iid = play.start("first_wins", iid=play.id("cut"))
    play.running(iid)
    play.call("POST", f"{WEBHOOK}/instances/{iid}/terminate?reason=cut")
    play.ends_within(iid, 3)


def odd_activities(play: Play) -> None:
    for how in ("key", "silent", "lines", "set", "bytes", "tuple"):
        play.wait(play.start_sdk("odd_activity", how, iid=play.id(f"odd-{how}")))


def unknown_entity(play: Play) -> None:
    play.wait(play.start("unknown_entity"), seconds=6)


def sub_under_a_finished_id(play: Play) -> None:
    old = play.start("noop", iid=play.id("old"))
    play.wait(old, show=False)
    iid = play.start_sdk("sub_given", old)
    play.running(iid)
    play.running(old)
    play.raise_event(old, "go", 1)
    play.wait(iid)


def status_over_generations(play: Play) -> None:
    iid = play.start_sdk("again_status", 0)
    play.wait(iid, input="1", show=False)
    time.sleep(2)
    play.call("GET", f"{WEBHOOK}/instances/{iid}")
    play.raise_event(iid, "go", 1, keep=False)
    play.wait(iid)


def custom_status_limits(play: Play) -> None:
    for size in (8000, 8180, 8190, 8700, 9000):
        iid = play.start_sdk("status_size", size, iid=play.id(f"size{size}"))
        play.wait(iid, query="?showInput=false", show=False)
        status = play.peek(iid)
        play.note(f"custom status of {size} letters", [status.get("runtimeStatus"), status.get("output")])


CASES: dict[str, Case] = {
    **{name: _ending(name) for name in _ORCHESTRATIONS},
    **{
        name: _forgotten_timer(name) for name in ("forgotten_timer", "forgotten_timer_failing", "forgotten_timer_again")
    },
    **{
        case.__name__: case
        for case in (
            continue_as_new,
            race_timer,
            big_payload,
            first_wins,
            forgotten_entity_call,
            forgotten_child,
            terminated_with_work_open,
            odd_activities,
            unknown_entity,
            sub_under_a_finished_id,
            status_over_generations,
            custom_status_limits,
        )
    },
}
