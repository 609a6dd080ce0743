"""The guide to writing an orchestration: its code is run, its tests pass, and each example does what it says."""

import re
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from agent_framework import AgentResponse, Message

from durable_agents import AgentFunctionApp, HostingSettings, Orchestration
from durable_agents.runs.schedules import Schedule
from durable_agents.testing import Replay, replay

GUIDE = (Path(__file__).parents[3] / "docs" / "orchestrations.md").read_text(encoding="utf-8")
TOPIC = {"topic": "tea"}
SENT = {"channel": "webhook", "location": None}


@pytest.fixture(scope="module")
def guide() -> ModuleType:
    """The module that the blocks of the guide make together."""
    module = ModuleType("guide")
    code = "\n".join(re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL))
    exec(compile(code, "orchestrations.md", "exec"), module.__dict__)
    return module


def play(function: Any, run_input: dict[str, Any] | None = None) -> Replay:
    return replay(Orchestration(function), TOPIC if run_input is None else run_input)


def answer(run: Replay, guide: ModuleType, text: str, agent: str = "Writer") -> None:
    run.answer(agent, guide.Text(text=text))


def output_of(run: Replay) -> Any:
    assert run.state["isDone"], run.state
    assert run.timers() == {}
    return run.state["output"]


def test_the_tests_of_the_guide_pass(guide: ModuleType) -> None:
    tests = [test for name, test in vars(guide).items() if name.startswith("test_")]
    assert len(tests) >= 2
    for test in tests:
        test()


def test_both_questions_are_in_one_conversation(guide: ModuleType) -> None:
    run = play(guide.summary)
    first = run.asked("Writer")["entity"]
    answer(run, guide, "Tea is warm, and more.")
    assert run.asked("Writer")["entity"] == first
    answer(run, guide, "Tea is warm.")
    assert output_of(run) == {"text": "Tea is warm."}


def test_a_text_is_changed_until_its_reviewer_is_content(guide: ModuleType) -> None:
    run = play(guide.announcement)
    for attempt, approved in ((1, False), (2, True)):
        answer(run, guide, f"Text {attempt}")
        run.complete("notify_reviewer", SENT)
        named = {name: run.waiting_for[name] for name in ("request_id", "content_hash")}
        decision = {**named, "approved": approved, "feedback": "Shorter.", "reviewer": "ada"}
        run.raise_event(run.waiting_for["event_name"], decision)
    assert output_of(run) == {"text": "Text 2"}


def test_an_opinion_that_fails_is_left_out(guide: ModuleType) -> None:
    run = play(guide.opinions)
    answer(run, guide, "one", "Writer")
    run.answer("Editor", {"error": "away", "status": "error"})
    answer(run, guide, "three", "Critic")
    assert output_of(run) == ["one", "three"]


def test_summaries_are_made_three_at_a_time_and_one_that_fails_is_a_reason(guide: ModuleType) -> None:
    run = play(guide.summaries, {"topics": ["a", "b", "c", "d"]})
    assert run.messages("Writer") == ["a", "b", "c"]
    run.pass_time(timedelta(minutes=5))
    run.answer("Writer", guide.Text(text="four"), about="d")
    *reasons, last = output_of(run)
    assert reasons == [f"nothing on {topic}: Agent 'Writer' did not answer within 0:05:00." for topic in "abc"]
    assert last == '{"text":"four"}'


@pytest.mark.parametrize("first", ["event", "agent", "nobody"])
def test_the_first_wins_and_nothing_keeps_the_run_open(guide: ModuleType, first: str) -> None:
    run = play(guide.answer_in_time)
    if first == "event":
        run.raise_event("Word", "now")
    elif first == "agent":
        answer(run, guide, "later")
    else:
        run.pass_time(timedelta(hours=1))
    assert output_of(run) == {"event": "now", "agent": '{"text":"later"}', "nobody": "nothing"}[first]


def test_nobody_pays(guide: ModuleType) -> None:
    run = play(guide.order)
    run.fire_timer()
    assert output_of(run) == "never paid"


def test_each_side_is_a_child(guide: ModuleType) -> None:
    run = play(guide.both)
    assert [one["topic"] for one in run.inputs("summary")] == ["tea, for", "tea, against"]
    run.complete("summary", {"text": "yes"})
    run.complete("summary", {"text": "no"})
    assert output_of(run) == [{"text": "yes"}, {"text": "no"}]


def test_a_report_is_about_its_time_and_has_one_key(guide: ModuleType) -> None:
    slot = {"since": "2026-11-28T06:00:00Z", "until": "2026-11-28T14:00:00Z"}
    run = play(guide.shift_report, slot)
    sent = {"key": "run-1-report", "recipient": "Ada", "text": "everywhere, from 06:00 to 14:00"}
    assert run.waits_for("send_letter") == sent
    assert Schedule(Orchestration(guide.shift_report), (6, 14, 22)).cron == "0 0 6,14,22 * * *"


def test_a_subscription_may_last_for_ever(guide: ModuleType) -> None:
    run = play(guide.subscription)
    assert (run.waiting_for["expires_at"], run.timers()) == (None, {})
    run.raise_event("Cancelled", "enough")
    assert output_of(run) == "enough"


def test_the_budget_ends_the_questions(guide: ModuleType) -> None:
    run = replay(guide.explorations, TOPIC)
    for number in (1, 2):
        usage: Any = {"model_call_count": 2, "input_token_count": 100, "output_token_count": 10}
        run.answer("Researcher", AgentResponse(messages=[Message("assistant", [str(number)])], usage_details=usage))
    assert output_of(run) == {"text": "1\n2"}
    assert run.state["customStatus"]["usage"] == {"model_calls": 4, "input_tokens": 200, "output_tokens": 20}


def test_a_round_begins_anew(guide: ModuleType) -> None:
    run = play(guide.rounds, {"number": 1})
    run.fire_timer()
    run.complete("send_letter", {"location": "outbox/1"})
    assert [leaf["actionType"] for leaf in run.state["actions"][0]][-1] == 4


def functions_of(app: AgentFunctionApp) -> dict[str, Any]:
    """Return the functions of an app as the worker calls them, by name."""
    registered: Any = app
    return {function.get_function_name(): function.get_user_function() for function in registered.get_functions()}


def test_a_card_is_charged_once_however_often_it_is_tried(
    guide: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter("12")

    def charge_card(charge: guide.Charge) -> guide.Payment:  # type: ignore[name-defined]  # made by the guide
        return guide.Payment(number=next(numbers))

    charge_card.__annotations__ = guide.charge_card.__annotations__
    monkeypatch.setattr(guide, "charge_card", charge_card)
    run = play(guide.checkout)
    app = AgentFunctionApp(settings=HostingSettings(STATE_DIR=tmp_path))
    guide.add_payments(app)
    charge = functions_of(app)["charge_card"]
    sent = run.waits_for("charge_card")
    assert [charge(charge=sent), charge(charge=sent), charge(charge={**sent, "key": "other"})] == [
        {"number": number} for number in "112"
    ]
    run.complete("charge_card", {"number": "1"})
    assert output_of(run) == {"number": "1"}


def test_a_long_report_is_in_no_history(guide: ModuleType, tmp_path: Path) -> None:
    app = AgentFunctionApp(settings=HostingSettings(STATE_DIR=tmp_path), orchestrations=[guide.long_report])
    app.add_activity(guide.collect)
    app.add_activity(guide.measure)
    functions = functions_of(app)
    run = Replay(functions["long_report"]).start(TOPIC)
    report = functions["collect"](topic=run.waits_for("collect"))
    run.complete("collect", report)
    length = functions["measure"](report=run.waits_for("measure"))
    run.complete("measure", length)
    assert output_of(run) == {"characters": 3_000_000}
    assert len(str(run.history)) < 10_000
    assert len(list(tmp_path.glob("payloads/run-1/*.json"))) == 1
