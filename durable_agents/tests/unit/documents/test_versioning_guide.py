"""The guide to changes with runs in flight: what it calls safe goes on along a history, what it calls unsafe not."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from agent_framework import AgentResponse, Message
from pydantic import BaseModel

from durable_agents import Orchestration, OrchestrationContext, Steps
from durable_agents.testing import Replay, replay, replay_history

GUIDE = (Path(__file__).parents[3] / "docs" / "versioning.md").read_text(encoding="utf-8")
DAY = timedelta(days=1)


class Topic(BaseModel):
    topic: str


class TopicWithTone(Topic):
    tone: str = "plain"


class TopicWithPlace(Topic):
    place: str


class Text(BaseModel):
    text: str


def send(text: Text) -> Text:
    raise NotImplementedError


def post(text: Text) -> Text:
    raise NotImplementedError


def story(context: OrchestrationContext, request: Topic) -> Steps[str]:
    text = yield from context.ask("Writer", f"Write about {request.topic}.")
    yield from context.call(send, Text(text=text))
    yield from context.sleep(DAY)
    return (yield from context.wait_for("Ok", str, timeout=DAY))


def other_words(context: OrchestrationContext, request: Topic) -> Steps[str]:
    text = yield from context.ask("Writer", f"Write well about {request.topic}.")
    yield from context.call(send, Text(text=f"{text}!"))
    yield from context.sleep(DAY)
    return (yield from context.wait_for("Ok", str, timeout=DAY))


def longer(context: OrchestrationContext, request: Topic) -> Steps[str]:
    text = yield from context.ask("Writer", f"Write about {request.topic}.")
    yield from context.call(send, Text(text=text))
    yield from context.sleep(DAY * 2)
    return (yield from context.wait_for("Ok", str, timeout=DAY * 3))


def more_at_the_end(context: OrchestrationContext, request: Topic) -> Steps[str]:
    context.status("writing")
    said = yield from story(context, request)
    yield from context.call(post, Text(text=said))
    return said


def field_with_default(context: OrchestrationContext, request: TopicWithTone) -> Steps[str]:
    return (yield from story(context, request))


def field_without(context: OrchestrationContext, request: TopicWithPlace) -> Steps[str]:
    return (yield from story(context, request))


def one_more(context: OrchestrationContext, request: Topic) -> Steps[str]:
    yield from context.call(post, Text(text=request.topic))
    return (yield from story(context, request))


def one_less(context: OrchestrationContext, request: Topic) -> Steps[str]:
    yield from context.ask("Writer", f"Write about {request.topic}.")
    yield from context.sleep(DAY)
    return (yield from context.wait_for("Ok", str, timeout=DAY))


def other_order(context: OrchestrationContext, request: Topic) -> Steps[str]:
    text = yield from context.ask("Writer", f"Write about {request.topic}.")
    yield from context.sleep(DAY)
    yield from context.call(send, Text(text=text))
    return (yield from context.wait_for("Ok", str, timeout=DAY))


def other_name(context: OrchestrationContext, request: Topic) -> Steps[str]:
    text = yield from context.ask("Writer", f"Write about {request.topic}.")
    yield from context.call(post, Text(text=text))
    yield from context.sleep(DAY)
    return (yield from context.wait_for("Ok", str, timeout=DAY))


def time_out(context: OrchestrationContext, request: Topic) -> Steps[str]:
    text = yield from context.ask("Writer", f"Write about {request.topic}.", timeout=DAY)
    yield from context.call(send, Text(text=text))
    yield from context.sleep(DAY)
    return (yield from context.wait_for("Ok", str, timeout=DAY))


@pytest.fixture(scope="module")
def history() -> list[dict[str, Any]]:
    """What a run of `story` has done that waits for its event."""
    run = replay(Orchestration(story), {"topic": "tea"})
    run.answer("Writer", AgentResponse(messages=[Message("assistant", ["Tea is warm."])]))
    run.complete("send", {"text": "Tea is warm."})
    run.pass_time(DAY)
    return run.history


@pytest.mark.parametrize("safe", [story, other_words, longer, more_at_the_end, field_with_default])
def test_a_safe_change_goes_on(history: list[dict[str, Any]], safe: Callable[..., Any]) -> None:
    assert not replay_history(Orchestration(safe), history)["isDone"]


@pytest.mark.parametrize("unsafe", [field_without, one_more, one_less, other_order, other_name, time_out])
def test_an_unsafe_change_is_found(history: list[dict[str, Any]], unsafe: Callable[..., Any]) -> None:
    with pytest.raises(AssertionError, match=r"^The history has"):
        replay_history(Orchestration(unsafe), history)


@pytest.fixture(scope="module")
def guide() -> ModuleType:
    """The module that the blocks of the guide make together."""
    module = ModuleType("guide")
    code = "\n".join(re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL))
    exec(compile(code, "versioning.md", "exec"), module.__dict__)
    return module


def waits(run: Replay) -> str:
    return str(run.state["actions"][0][-1].get("functionName", "timer"))


def test_old_runs_go_the_old_way_and_new_ones_the_new(guide: ModuleType) -> None:
    assert waits(replay(guide.orders, {"article": "tea"})) == "timer"
    assert waits(replay(guide.orders, {"article": "tea", "rules": 2})) == "weigh"
    assert guide.orders.defaults == {"rules": 2}


def test_two_stand_side_by_side(guide: ModuleType) -> None:
    assert [one.name for one in guide.both] == ["order", "order_by_post"]
    assert replay(guide.both[1], {"article": "tea"}).waits_for("ship") == {"article": "tea"}
