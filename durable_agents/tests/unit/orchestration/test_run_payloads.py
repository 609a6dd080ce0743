"""A run whose payload cannot be read or written fails, and no code of it can take that for something else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from durable_agents import AgentFunctionApp, HostingSettings, Orchestration, OrchestrationContext, Steps
from durable_agents.testing import Replay, replay_history


class Text(BaseModel):
    text: str


def shout(text: Text) -> Text:
    """Return the text in capitals."""
    return Text(text=text.text.upper())


def stubborn(context: OrchestrationContext, request: Text) -> Steps[str]:
    """Handle every failure."""
    try:
        answers = yield from context.all([context.call(shout, request)], return_exceptions=True)
        return str(answers)
    except Exception as error:
        return str(error)


def again(context: OrchestrationContext, request: Text) -> Steps[str]:
    """Begin anew with a long text."""
    try:
        yield from context.continue_as_new(Text(text="x" * 200))
    except Exception as error:
        return str(error)
    return "never"


def run_of(function: Callable[..., Any], text: str, state: Path) -> tuple[Replay, Callable[..., Any]]:
    """Run the first turn in an app with a limit of 100 bytes, and return the run and the activity."""
    app: Any = AgentFunctionApp(
        settings=HostingSettings(STATE_DIR=state), orchestrations=[function], largest_payload_bytes=100
    )
    app.add_activity(shout)
    functions = {one.get_function_name(): one.get_user_function() for one in app.get_functions()}
    return Replay(functions[function.__name__]).start({"text": text}), functions["shout"]


def test_a_result_that_is_gone_ends_the_run(tmp_path: Path) -> None:
    run, activity = run_of(stubborn, "x" * 90, tmp_path)
    result = activity(text=run.waits_for("shout"))
    for file in tmp_path.glob("payloads/run-1/*"):
        file.unlink()
    other, _ = run_of(stubborn, "x" * 90, tmp_path)  # which remembers nothing
    other.complete("shout", result)
    assert "refers to a payload" in other.state["error"]
    assert "missing" in other.state["error"]


@pytest.mark.parametrize("function", [stubborn, again])
def test_what_cannot_be_written_ends_the_run(function: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "payloads").write_text("no folder")
    run, _ = run_of(function, "x" * 200, tmp_path)
    assert "payloads" in run.state["error"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str


def child(context: OrchestrationContext, request: Strict) -> Steps[str]:
    """Have the text shouted."""
    answer = yield from context.call(shout, Text(text=request.text))
    return answer.text


def parent(context: OrchestrationContext, request: Strict) -> Steps[str]:
    """Have a child do it."""
    return (yield from context.run(child, request))


@pytest.mark.parametrize("as_text", [True, False])
def test_the_recorded_history_of_a_child_is_played_by_an_app_with_another_key(as_text: bool, tmp_path: Path) -> None:
    app: Any = AgentFunctionApp(
        settings=HostingSettings(STATE_DIR=tmp_path), orchestrations=[parent, child], largest_payload_bytes=200
    )
    app.add_activity(shout)
    functions = {one.get_function_name(): one.get_user_function() for one in app.get_functions()}
    sent = Replay(functions["parent"]).start({"text": "hi"}).waits_for("child")
    assert sent.keys() == {"text", "$caller"}
    stored = json.dumps(json.dumps(sent) if as_text else sent)
    instance = {"OrchestrationInstance": {"InstanceId": "run-1:0"}}
    stamp = {"Timestamp": "2026-01-01T09:00:00Z", "EventId": -1}
    history = [
        {**stamp, "EventType": 12},
        {**stamp, **instance, "EventType": 0, "Name": "child", "Version": "", "Input": stored},
    ]
    assert not replay_history(Orchestration(child), history)["isDone"]
    large = Replay(functions["parent"]).start({"text": "x" * 300}).waits_for("child")
    history[1]["Input"] = json.dumps(json.dumps(large) if as_text else large)
    with pytest.raises(AssertionError, match="refers to a payload that is kept beside it"):
        replay_history(Orchestration(child), history)


def test_an_activity_that_is_no_reader_is_sent_all(tmp_path: Path) -> None:
    app: Any = AgentFunctionApp(
        settings=HostingSettings(STATE_DIR=tmp_path), orchestrations=[stubborn], largest_payload_bytes=100
    )

    def raw(text: Any) -> Any:
        return text

    raw.__name__ = "shout"
    app.activity_trigger(input_name="text")(raw)
    functions = {one.get_function_name(): one.get_user_function() for one in app.get_functions()}
    run = Replay(functions["stubborn"]).start({"text": "x" * 200})
    assert run.waits_for("shout") == {"text": "x" * 200}
