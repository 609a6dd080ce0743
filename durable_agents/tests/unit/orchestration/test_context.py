"""What an orchestration may do, turn by turn: each step by itself, and several at once."""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import azure.durable_functions as df
import pytest
from agent_framework import AgentResponse, Message
from agent_framework_durabletask import AgentSessionId, DurableAgentSession
from pydantic import BaseModel

from durable_agents import (
    FOREVER,
    AgentFunctionApp,
    HostingSettings,
    Keyed,
    Orchestration,
    OrchestrationContext,
    Retry,
    Steps,
    StepTimeoutError,
)
from durable_agents.owners import owned
from durable_agents.sessions.failures import Failure
from durable_agents.testing import Replay, replay

Story = Callable[[OrchestrationContext, "Order"], Steps[Any]]
HOUR = timedelta(hours=1)
TIMER = 5


class Order(BaseModel):
    number: int = 7


class Parcel(Keyed):
    number: int


class Receipt(BaseModel):
    place: str


class Wish(BaseModel):
    colour: str


def ship(parcel: Parcel, *, folder: str) -> Receipt:
    """Ship a parcel."""
    raise NotImplementedError


def weigh(order: Order) -> int:
    """Weigh an order."""
    raise NotImplementedError


def failed_answer(retry_after: float | None = None) -> AgentResponse:
    """Return the answer of a session whose model call failed for now."""
    failure = Failure("busy", "Later.", retryable=True, retry_after_seconds=retry_after)
    return AgentResponse(messages=[Message("assistant", [failure.to_content()])])


def play(story: Story, **order: Any) -> Replay:
    return replay(Orchestration(story), order)


def output_of(run: Replay) -> Any:
    """Return the output of a run that is over, with no timer left that would keep it open."""
    assert run.state["isDone"], run.state
    assert run.timers() == {}
    return run.state["output"]


def error_of(run: Replay) -> str:
    assert run.timers() == {}
    error: str = run.state["error"]
    return error


def test_the_input_is_a_model_and_so_is_the_output() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[Receipt]:
        receipt = yield from context.call(ship, Parcel(number=request.number))
        return Receipt(place=f"{receipt.place}!")

    run = play(order, number=8)
    parcel = run.waits_for("ship")
    assert parcel["number"] == 8
    run.complete("ship", {"place": "here"})
    assert output_of(run) == {"place": "here!"}


def test_a_key_is_made_once_and_for_each_call() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[list[Receipt]]:
        return (yield from context.all([context.call(ship, Parcel(number=n)) for n in (1, 2)]))

    run = play(order)
    keys = [run.inputs("ship")[n]["key"] for n in range(2)]
    assert len(set(keys)) == 2
    assert all(key.startswith("run-1-") and key.endswith("-ship") for key in keys)
    run.raise_event("noise", 1)
    assert [run.inputs("ship")[n]["key"] for n in range(2)] == keys


def test_a_key_of_ones_own_stays() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[Receipt]:
        return (yield from context.call(ship, Parcel(key="mine", number=1)))

    assert play(order).waits_for("ship")["key"] == "mine"


def test_an_activity_returns_what_its_annotation_says() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[int]:
        return 1 + (yield from context.call(weigh, request))

    run = play(order)
    run.complete("weigh", 3)
    assert output_of(run) == 4


def test_a_result_of_another_form_fails_the_run() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[int]:
        return (yield from context.call(weigh, request))

    run = play(order)
    run.complete("weigh", {"grams": 3})
    assert "valid integer" in error_of(run)


def test_an_activity_is_tried_as_often_as_it_says() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[int]:
        retry = Retry(attempts=2, pause=timedelta(seconds=1))
        try:
            return (yield from context.call(weigh, request, retry=retry))
        except Exception:
            return (yield from context.call(weigh, request, retry=None))

    run = play(order)
    run.fail("weigh", attempts=2)
    assert run.timers() == {}
    run.complete("weigh", 1)
    assert output_of(run) == 1


def test_no_attempt_is_made_by_what_has_lost() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[str]:
        won = yield from context.first([context.call(weigh, request), context.wait_for("Go", timeout=FOREVER)])
        return str(won.result)

    run = play(order)
    run.fail("weigh", attempts=1)
    (pause,) = run.timers()
    run.raise_event("Go", "now")
    assert output_of(run) == "now"
    assert run.open[pause]["isCanceled"]


def test_an_agent_answers_with_text_or_with_a_model() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[str]:
        text = yield from context.ask("Buyer", "Well?")
        wish = yield from context.ask("Seller", text, Wish)
        return wish.colour

    run = play(order)
    run.answer("Buyer", Wish(colour="red"))
    assert run.asked("Seller")["message"] == '{"colour":"red"}'
    run.answer("Seller", Wish(colour="blue"))
    assert output_of(run) == "blue"


@pytest.mark.parametrize("comes_in_time", [True, False])
@pytest.mark.parametrize("side_by_side", [True, False])
def test_a_step_that_is_too_slow_is_given_up(comes_in_time: bool, side_by_side: bool) -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[Any]:
        step = context.call(weigh, request, timeout=HOUR)
        try:
            return (yield from context.all([step])) if side_by_side else (yield from step)
        except StepTimeoutError as error:
            return str(error)

    run = play(order)
    if comes_in_time:
        run.complete("weigh", 3)
        assert output_of(run) == ([3] if side_by_side else 3)
    else:
        run.fire_timer()
        assert output_of(run) == "Activity 'weigh' did not end within 1:00:00."


def test_steps_of_different_kinds_run_side_by_side_and_answer_in_their_order() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[list[Any]]:
        wish, receipt, event = yield from context.all(
            (
                context.ask("Buyer", "Well?", Wish),
                context.call(ship, Parcel(number=1)),
                context.wait_for("Go", Wish, timeout=HOUR),
            )
        )
        return [wish, receipt, event]

    run = play(order)
    run.raise_event("Go", {"colour": "green"})
    run.complete("ship", {"place": "here"})
    assert not run.state["isDone"]
    run.answer("Buyer", Wish(colour="red"))
    assert output_of(run) == [{"colour": "red"}, {"place": "here"}, {"colour": "green"}]


def two_calls(context: OrchestrationContext, number: int) -> Steps[int]:
    first = yield from context.call(weigh, Order(number=number))
    return first + (yield from context.call(weigh, Order(number=number + first)))


def test_what_one_step_starts_later_is_not_held_back_by_another() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[list[Any]]:
        waiting = context.wait_for("Go", timeout=FOREVER)
        number, event = yield from context.all((two_calls(context, 100), waiting))
        return [number, event]

    run = play(order)
    run.complete("weigh", 1)
    # A race between what was started before and a new task is over at once, for it has a timer that is cancelled.
    (race,) = [action for action in run.state["actions"][0][1:] if "compoundActions" in action]
    kinds = [(leaf["actionType"], leaf.get("isCanceled")) for leaf in race["compoundActions"]]
    assert kinds[-1] == (TIMER, True)
    assert run.timers() == {}
    run.complete("weigh", 2)
    run.raise_event("Go", "now")
    assert output_of(run) == [3, "now"]


def test_the_first_that_fails_ends_the_others() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[Any]:
        slow = context.wait_for("Go", timeout=HOUR)
        return (yield from context.all([slow, context.call(weigh, request, retry=None)]))

    run = play(order)
    run.fail("weigh")
    assert "boom" in error_of(run)


def test_failures_may_stand_in_the_place_of_results() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[list[str]]:
        steps = [context.call(ship, Parcel(number=1), retry=None), context.wait_for("Go", timeout=HOUR)]
        results = yield from context.all(steps, return_exceptions=True)
        return [type(result).__name__ for result in results]

    run = play(order)
    run.fail("ship")
    assert not run.state["isDone"]
    run.fire_timer()
    assert output_of(run) == ["Exception", "StepTimeoutError"]


def test_with_a_width_steps_begin_in_their_order_as_others_end() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[list[int]]:
        return (yield from context.all([context.call(weigh, Order(number=n)) for n in range(5)], width=2))

    run = play(order)
    begun = [[one["number"] for one in run.inputs("weigh")]]
    for _ in range(3):
        # The later one of the two ends first.
        later = [number for number, leaf in run.open.items() if leaf.get("functionName") == "weigh"][-1]
        run.complete_number(later, begun[-1][-1] * 10)
        begun.append([one["number"] for one in run.inputs("weigh")])
    assert begun == [[0, 1], [0, 2], [0, 3], [0, 4]]
    run.complete("weigh", 0)
    run.complete("weigh", 40)
    assert output_of(run) == [0, 10, 20, 30, 40]


def test_the_time_of_a_step_begins_with_it() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[list[str]]:
        waits = [context.wait_for(name, str, timeout=HOUR) for name in ("First", "Second")]
        results = yield from context.all(waits, return_exceptions=True, width=1)
        return [str(result) for result in results]

    run = play(order)
    run.pass_time(HOUR * 1.5)
    run.raise_event("Second", "in time")
    assert output_of(run) == ["Event 'First' did not come within 1:00:00.", "in time"]


def test_what_comes_after_a_failure_never_begins_and_is_not_forgotten() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[str]:
        def pair() -> Any:
            return context.all([context.call(ship, Parcel(number=1)), context.call(ship, Parcel(number=2))])

        try:
            yield from context.all([context.call(weigh, request, retry=None), pair(), pair()], width=1)
        except Exception as error:
            return str(error)
        return "all"

    run = play(order)
    run.fail("weigh")
    assert "boom" in output_of(run)
    assert run.open == {}


@pytest.mark.parametrize("width", [0, -1])
def test_a_width_without_room_for_a_step_is_refused(width: int) -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[Any]:
        return (yield from context.all([context.call(weigh, request)], width=width))

    assert f"The width is {width}, so no step could begin. Expected 1 or more" in error_of(play(order))


def test_the_first_that_ends_wins_and_the_others_leave_no_timer() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[list[Any]]:
        won = yield from context.first([context.sleep(HOUR), context.wait_for("Go", timeout=2 * HOUR)])
        return [won.index, won.result]

    run = play(order)
    run.raise_event("Go", "now")
    assert output_of(run) == [1, "now"]


@pytest.mark.parametrize("skip", [True, False])
def test_a_step_that_fails_first_fails_the_race_or_is_out_of_it(skip: bool) -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[int]:
        steps = [context.call(weigh, request, retry=None), context.wait_for("Go", int)]
        won = yield from context.first(steps, skip_failures=skip)
        return won.index

    run = play(order)
    run.fail("weigh")
    if skip:
        run.raise_event("Go", 3)
        assert output_of(run) == 1
    else:
        assert "boom" in error_of(run)


def test_when_all_fail_the_race_fails() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[Any]:
        steps = [context.wait_for("Go", timeout=HOUR), context.call(weigh, request, retry=None)]
        return (yield from context.first(steps, skip_failures=True))

    run = play(order)
    run.fail("weigh")
    run.fire_timer()
    assert "Event 'Go' did not come within 1:00:00." in error_of(run)


def test_steps_nest() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[list[Any]]:
        race = context.first([context.wait_for("Go"), context.wait_for("Stop")])
        inner = context.all((context.call(weigh, request), context.sleep(HOUR)))
        won, weighed = yield from context.all((race, inner))
        return [won.index, weighed]

    run = play(order)
    run.raise_event("Stop", None)
    run.complete("weigh", 3)
    run.settle()
    run.fire_timer()
    run.settle()
    assert output_of(run) == [1, [3, None]]


def test_an_event_that_fits_no_model_is_ignored_with_a_note_and_the_wait_goes_on() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[str]:
        return (yield from context.wait_for("Wish", Wish, timeout=HOUR)).colour

    run = play(order)
    waits = {"kind": "event", "event_name": "Wish", "expires_at": "2026-01-01T10:00:00.001000Z"}
    assert run.waiting_for == {**waits, "question": None, "note": None}
    run.raise_event("Wish", {"color": "red"})
    assert run.waiting_for["expires_at"] == waits["expires_at"]
    assert run.waiting_for["note"] == "An event was ignored: it is no Wish. colour: Field required."
    run.raise_event("Wish", {"colour": "red"})
    assert output_of(run) == "red"


def test_a_wait_that_says_no_time_ends_after_a_week_and_shows_that() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[str]:
        try:
            yield from context.wait_for("Wish")
        except StepTimeoutError as error:
            return str(error)
        return "it came"

    run = play(order)
    assert run.waiting_for["expires_at"] == "2026-01-08T09:00:00.001000Z"
    run.pass_time(timedelta(days=6, hours=23))
    assert not run.state["isDone"]
    run.pass_time(timedelta(hours=2))
    assert output_of(run) == "Event 'Wish' did not come within 7 days, 0:00:00."
    assert run.timers() == {}


def test_a_wait_is_for_ever_where_its_author_says_so() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[str]:
        return str((yield from context.wait_for("Wish", timeout=FOREVER)))

    run = play(order)
    assert (run.waiting_for["expires_at"], run.timers()) == (None, {})
    run.pass_time(timedelta(days=4_000))
    run.raise_event("Wish", "at last")
    assert output_of(run) == "at last"


def test_the_time_for_an_event_does_not_begin_again_with_one_that_is_ignored() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[str]:
        return (yield from context.wait_for("Wish", Wish, timeout=HOUR)).colour

    run = play(order)
    (before,) = [timer["fireAt"] for timer in run.timers().values()]
    run.now += timedelta(minutes=30)
    run.raise_event("Wish", {})
    (after,) = [timer["fireAt"] for timer in run.timers().values()]
    assert after[:19] == before[:19]


def test_an_event_after_a_wait_that_was_given_up_is_for_the_next() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[list[Any]]:
        try:
            yield from context.wait_for("Go", timeout=HOUR)
        except StepTimeoutError:
            yield from context.call(weigh, request)
        first = yield from context.wait_for("Go", timeout=HOUR)
        return [first, (yield from context.wait_for("Go", timeout=HOUR))]

    run = play(order)
    run.fire_timer()
    run.raise_event("Go", 1)
    run.complete("weigh", 1)
    run.settle()
    run.raise_event("Go", 2)
    assert output_of(run) == [1, 2]


def test_sleep_does_not_end_early_although_its_timer_does() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[str]:
        began = context.now
        yield from context.sleep(HOUR)
        return str(context.now - began >= HOUR)

    run = play(order)
    run.fire_timer(early=timedelta(seconds=1))
    assert not run.state["isDone"]
    run.fire_timer()
    assert output_of(run) == "True"


def test_an_agent_is_asked_again_where_that_may_help() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[str]:
        return (yield from context.ask("Buyer", "Well?", Wish, retry=Retry(attempts=3))).colour

    run = play(order)
    for _ in range(2):
        run.answer("Buyer", failed_answer())
        run.fire_timer()
    run.answer("Buyer", Wish(colour="red"))
    assert output_of(run) == "red"


@pytest.mark.parametrize(("retry_after", "waits"), [(None, 60.0), (5.0, 60.0), (90.5, 90.5)])
def test_an_agent_is_left_alone_for_as_long_as_its_provider_asks_for(retry_after: float | None, waits: float) -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[str]:
        retry = Retry(attempts=2, pause=timedelta(minutes=1))
        began = context.now
        yield from context.ask("Buyer", "Well?", Wish, retry=retry)
        return str((context.now - began).total_seconds())

    run = play(order)
    run.answer("Buyer", failed_answer(retry_after))
    run.fire_timer()
    run.answer("Buyer", Wish(colour="red"))
    assert waits <= float(output_of(run)) < waits + 1


@pytest.mark.parametrize("times", [1, 2])
def test_an_agent_is_not_asked_again_in_vain(times: int) -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[str]:
        return (yield from context.ask("Buyer", "Well?", Wish, retry=Retry(attempts=times))).colour

    run = play(order)
    run.answer("Buyer", {"error": "away", "status": "error"} if times == 2 else failed_answer())
    assert "Agent 'Buyer' failed: " in error_of(run)


def test_a_run_begins_anew_and_does_nothing_after_it() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[Any]:
        yield from context.call(weigh, request)
        yield from context.continue_as_new(Order(number=request.number + 1))
        yield from context.call(weigh, request)
        return "never"

    run = play(order, number=1)
    run.complete("weigh", 1)
    (again,) = [leaf for leaf in run.state["actions"][0] if leaf["actionType"] == 4]
    assert again["input"] in ({"number": 2}, '{"number": 2}')
    assert run.state["actions"][0][-1] is again


def test_what_belongs_to_the_run_and_not_to_its_input_stays_when_it_begins_anew() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[Any]:
        yield from context.continue_as_new(Order(number=request.number + 1))

    own = {"request_fingerprint": "f" * 64, "started_by": "Editor/s", "completion_webhook": "https://example.com/done"}
    run = replay(Orchestration(order), {"number": 1, **own})
    (again,) = run.state["actions"][0]
    stored = again["input"]
    assert (json.loads(stored) if isinstance(stored, str) else stored) == {"number": 2, **own}
    assert run.state.get("customStatus") is None


def test_a_question_is_shown_with_the_wait_for_its_answer() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[Any]:
        return (yield from context.wait_for("Colour", str, question="Which colour? " + "x" * 9_000))

    run = play(order)
    assert run.waiting_for["question"].startswith("Which colour? xx")
    assert len(run.waiting_for["question"]) == 2_000
    run.raise_event("Colour", 7)
    assert run.waiting_for["question"].startswith("Which colour?")
    run.raise_event("Colour", "red")
    assert run.output == "red"


def test_an_async_activity_is_called_as_any_other() -> None:
    async def paint(order: Order) -> Receipt:
        raise NotImplementedError

    def order(context: OrchestrationContext, request: Order) -> Steps[str]:
        receipt = yield from context.call(paint, request)
        return receipt.place

    run = play(order)
    run.complete("paint", {"place": "here"})
    assert run.output == "here"


def test_a_child_is_run_by_its_name_with_its_types() -> None:
    def parcel(context: OrchestrationContext, request: Order) -> Steps[Receipt]:
        return Receipt(place="here")
        yield

    def order(context: OrchestrationContext, request: Order) -> Steps[str]:
        return (yield from context.run(parcel, request, instance_id="child-1")).place

    run = play(order)
    assert run.action("parcel")["instanceId"] == "child-1"
    run.complete("parcel", {"place": "there"})
    assert output_of(run) == "there"


def test_the_status_is_in_words_and_says_what_is_waited_for() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[None]:
        context.status("Weighing", number=request.number)
        yield from context.call(weigh, request)
        yield from context.wait_for("Go")

    run = play(order)
    assert run.state["customStatus"] == {"stage": "Weighing", "number": 7}
    run.complete("weigh", 1)
    assert run.state["customStatus"]["stage"] == "waiting_for_event"
    run.raise_event("Go", None)
    assert run.state["customStatus"] == {"stage": "Weighing", "number": 7}


def test_several_approvals_wait_at_the_same_time_and_each_can_be_decided_on() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[list[bool]]:
        steps = [context.approve(f"Text {n}", "Read this.") for n in (1, 2)]
        return [review.is_approved for review in (yield from context.all(steps))]

    run = play(order)
    first, second = run.state["customStatus"]["requests"]
    assert (first["title"], second["title"]) == ("Text 1", "Text 2")
    for approved, request in ((False, second), (True, first)):
        named = {name: request[name] for name in ("request_id", "content_hash")}
        run.raise_event(request["event_name"], {**named, "approved": approved})
        run.settle()
    for _ in range(2):
        run.complete("notify_reviewer", {"channel": "webhook", "location": None})
    run.settle()
    assert output_of(run) == [True, False]


def test_the_log_of_a_run_has_its_id_and_is_silent_in_replay(caplog: pytest.LogCaptureFixture) -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[None]:
        context.log.info("weighing %d", request.number)
        yield from context.call(weigh, request)
        context.log.info("weighed")

    caplog.set_level(logging.INFO, __name__)
    run = play(order)
    run.complete("weigh", 1)
    mine = [record.getMessage() for record in caplog.records if record.name == __name__]
    assert mine == ["run-1: weighing 7", "run-1: weighed"]


def test_a_forgotten_from_is_told() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[Any]:
        yield context.call(weigh, request)

    def apart(context: OrchestrationContext, request: Order) -> Steps[Any]:
        yield from context.all([order(context, request)])

    text = "The step call(weigh) was yielded as a value. Write `yield from` in front of a step, not `yield`."
    assert error_of(play(order)) == text
    assert error_of(play(apart)) == text


def test_a_step_is_used_once() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[Any]:
        step = context.call(weigh, request)
        yield from step
        yield from step

    run = play(order)
    run.complete("weigh", 1)
    assert error_of(run) == "The step call(weigh) was used before. Make a new one for each use."


def test_an_orchestration_without_a_model_is_refused_with_what_to_write() -> None:
    def order(context: OrchestrationContext, request: dict[str, Any]) -> Steps[Any]:
        yield from ()

    with pytest.raises(TypeError, match=r"Orchestration order\(\) must take the context and one pydantic model"):
        Orchestration(order)


def test_an_orchestration_may_wait_for_nothing() -> None:
    def order(context: OrchestrationContext, request: Order) -> Receipt:
        return Receipt(place=str(request.number))

    assert output_of(replay(Orchestration(order), {})) == {"place": "7"}


def test_an_orchestration_may_return_its_only_step() -> None:
    def order(context: OrchestrationContext, request: Order) -> Any:
        return context.call(weigh, request)

    run = replay(Orchestration(order), {})
    run.complete("weigh", 3)
    assert output_of(run) == 3


def test_an_orchestration_that_is_async_is_refused_with_what_to_write() -> None:
    async def order(context: OrchestrationContext, request: Order) -> int:
        return 1

    with pytest.raises(TypeError, match=r"Orchestration order\(\) is async. Write it as a plain generator"):
        replay(Orchestration(order), {})


@pytest.mark.parametrize("tolerant", [True, False])
def test_a_step_that_fails_before_it_waits_fails_as_it_does_alone(tolerant: Any) -> None:
    def part(context: OrchestrationContext) -> Steps[int]:
        raise ValueError("at once")
        yield

    def order(context: OrchestrationContext, request: Order) -> Steps[Any]:
        steps = [context.sleep(HOUR), part(context), context.call(weigh, request)]
        try:
            results = yield from context.all(steps, return_exceptions=tolerant)
        except ValueError as error:
            return str(error)
        return [str(result) for result in results]

    run = play(order)
    if not tolerant:
        assert output_of(run) == "at once"
        assert run.open == {}
    else:
        run.complete("weigh", 1)
        run.fire_timer()
        assert output_of(run) == ["None", "at once", "1"]


def test_what_ends_at_once_wins_and_nothing_after_it_is_started() -> None:
    def part() -> Steps[str]:
        return "here"
        yield

    def order(context: OrchestrationContext, request: Order) -> Steps[Any]:
        won = yield from context.first([part(), context.call(weigh, request), context.sleep(HOUR)])
        return [won.index, won.result]

    run = play(order)
    assert output_of(run) == [0, "here"]
    assert run.open == {}


@pytest.mark.parametrize("wrong", [3, None, "text"])
def test_what_is_no_step_is_told(wrong: Any) -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[Any]:
        yield from context.all([context.call(weigh, request), wrong])

    def yields(context: OrchestrationContext, request: Order) -> Steps[Any]:
        yield wrong

    assert f"{wrong!r} is no step." in error_of(play(order))
    assert f"{wrong!r} was yielded." in error_of(play(yields))


def test_a_part_that_is_yielded_is_told() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[Any]:
        yield two_calls(context, 1)

    assert "A part, two_calls(), was yielded as a value. Write `yield from` in front of it" in error_of(play(order))


def test_a_step_that_is_forgotten_fails_the_run() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[str]:
        context.call(ship, Parcel(number=1))
        yield from context.call(weigh, request)
        return "shipped"

    run = play(order)
    run.complete("weigh", 1)
    text = "The step call(ship) was made and never used, so it was not done. Write `yield from` in front of it."
    assert error_of(run) == text


def test_what_was_made_by_who_lost_is_not_forgotten() -> None:
    def part(context: OrchestrationContext) -> Steps[int]:
        later = context.call(weigh, Order())
        yield from context.sleep(HOUR)
        return (yield from later)

    def order(context: OrchestrationContext, request: Order) -> Steps[int]:
        won = yield from context.first([part(context), context.wait_for("Go")])
        return won.index

    run = play(order)
    run.raise_event("Go", None)
    assert output_of(run) == 1


# A `finally` runs at the end of each turn too, when Python forgets the generator; there, nobody can be told.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("where", ["finally", "except"])
def test_what_has_lost_can_wait_for_nothing_more(where: str) -> None:
    def part(context: OrchestrationContext) -> Steps[None]:
        try:
            yield from context.sleep(HOUR)
        except GeneratorExit:
            if where == "except":
                yield from context.call(weigh, Order())
            raise
        finally:
            if where == "finally":
                yield from context.call(weigh, Order())

    def order(context: OrchestrationContext, request: Order) -> Steps[Any]:
        yield from context.first([context.sleep(2 * HOUR), part(context), context.wait_for("Go")])

    run = play(order)
    run.raise_event("Go", None)
    assert "What lost a race, or ran next to a step that failed, is cancelled." in error_of(run)


def test_a_run_that_begins_anew_next_to_other_steps_leaves_none_of_their_timers() -> None:
    def anew(context: OrchestrationContext) -> Steps[Any]:
        yield from context.wait_for("Go")
        try:
            yield from context.continue_as_new(Order(number=8))
        except Exception:
            return "caught"

    def order(context: OrchestrationContext, request: Order) -> Steps[Any]:
        steps = [context.sleep(HOUR), anew(context), context.call(weigh, request, timeout=HOUR)]
        return (yield from context.all(steps, return_exceptions=True))

    run = play(order)
    run.raise_event("Go", None)
    assert run.state["actions"][0][-1]["actionType"] == 4
    assert run.state.get("output") is None
    assert run.timers() == {}


def test_the_pause_before_an_agent_is_asked_again_is_cancelled_with_it() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[int]:
        retry = Retry(attempts=3, pause=HOUR)
        won = yield from context.first([context.ask("Buyer", "Well?", retry=retry), context.wait_for("Go")])
        return won.index

    run = play(order)
    run.answer("Buyer", failed_answer())
    assert len(run.timers()) >= 1
    run.raise_event("Go", None)
    run.settle()
    assert output_of(run) == 1


def test_a_long_time_is_timers_of_a_few_days_that_can_be_cancelled() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[Any]:
        try:
            yield from context.wait_for("Go", timeout=timedelta(days=10))
        except StepTimeoutError:
            began = context.now
            yield from context.sleep(timedelta(days=7))
            return (context.now - began).days

    run = play(order)
    run.durations = {"maximumShortTimerDuration": "6.00:00:00", "longRunningTimerIntervalDuration": "3.00:00:00"}
    for _ in range(4):
        run.settle()
        (timer,) = run.timers().values()
        assert timer["fireAt"][:19] <= (run.now + timedelta(days=3)).isoformat()[:19]
        run.fire_timer()
    for _ in range(3):
        run.settle()
        run.fire_timer()
    assert output_of(run) == 7


def test_what_the_app_has_not_registered_is_named_and_how_to_register_it() -> None:
    def parcel(context: OrchestrationContext, request: Order) -> Steps[Receipt]:
        return Receipt(place="here")
        yield

    def order(context: OrchestrationContext, request: Order) -> Steps[Any]:
        # deterministic: the start of the app would say it first
        yield from (context.call(weigh, request) if request.number else context.run(parcel, request))

    def first_turn(number: int) -> Replay:
        app = AgentFunctionApp(settings=HostingSettings.from_environ({}), orchestrations=[Orchestration(order)])
        # AgentFunctionApp declares only a part of what it inherits.
        functions = cast(df.DFApp, app).get_functions()
        (function,) = [f for f in functions if f.get_function_name() == "order"]
        return Replay(function.get_user_function()).start({"number": number})

    assert error_of(first_turn(1)) == "The app has no activity 'weigh'. Register it: app.add_activity(weigh)."
    text = "The app has no orchestration 'parcel'. List it: orchestrations=[Orchestration(parcel)]."
    assert error_of(first_turn(0)) == text


def test_more_requests_than_the_status_has_room_for_are_counted_and_shown_as_others_are_decided() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[int]:
        steps = [context.approve(f"Text {n} " + "x" * 90, "y" * 600) for n in range(20)]
        return len((yield from context.all(steps)))

    run, decided = play(order), 0
    while not run.state["isDone"]:
        status = run.state["customStatus"]
        assert len(json.dumps(status)) <= 8_000
        shown = status.get("requests", [status["waiting_for"]])
        assert len(shown) + status.get("requests_not_shown", 0) == 20 - decided
        if "notify_reviewer" in {leaf.get("functionName") for leaf in run.open.values()}:
            run.complete("notify_reviewer", {"channel": "webhook", "location": None})
            continue
        request = shown[-1]
        named = {name: request[name] for name in ("request_id", "content_hash")}
        run.raise_event(request["event_name"], {**named, "approved": True})
        decided += 1
    assert output_of(run) == 20


@pytest.mark.parametrize(
    ("run", "session", "is_refused"),
    [
        (owned("r", "a" * 16), owned("s", "b" * 16), True),
        (owned("r", "a" * 16), owned("s", "a" * 16), False),
        (owned("r", "a" * 16), "s", False),
        ("r", owned("s", "b" * 16), False),
    ],
)
def test_a_run_does_not_talk_in_the_session_of_somebody_else(run: str, session: str, is_refused: bool) -> None:
    def talk(context: OrchestrationContext, order: Order) -> Steps[str]:
        named = DurableAgentSession(durable_session_id=AgentSessionId("Writer", session))
        return (yield from context.ask("Writer", "Hello", session=named))

    played = Replay(replay(Orchestration(talk), {}).handle, run).start({})
    assert ("it is somebody else's" in str(played.state.get("error"))) is is_refused
