"""Orchestrations whose payloads are too large for a history, each in another way, and one of the SDK among them."""

import os
from pathlib import Path
from typing import Any

import azure.durable_functions as df
from pydantic import BaseModel, RootModel

from durable_agents import AgentFunctionApp, HostingSettings, Keyed, OrchestrationContext, Retry, Steps

FOLDER = Path(os.environ["OUTBOX_DIR"])


class Size(BaseModel):
    characters: int


class Text(BaseModel):
    text: str
    rounds: int = 0


class Words(RootModel[list[str]]):
    """An input that is no object."""


class Note(Keyed):
    """What is noted, `failures` times in vain."""

    text: str
    failures: int = 0


def write(size: Size) -> Text:
    """Return a text of this size, and leave a line for each time this is done."""
    leave_line("written")
    return Text(text="x" * size.characters)


def measure(text: Text) -> Size:
    """Return the size of a text."""
    leave_line("measured")
    return Size(characters=len(text.text))


def note(request: Note) -> Text:
    """Leave a line, unless it fails."""
    lines = leave_line(f"noted {request.key}")
    if lines <= request.failures:
        raise ValueError(f"no ink for {request.text[:10]}")
    return Text(text=f"{request.text}, note {lines}")


def leave_line(name: str) -> int:
    """Leave a line in a file, and return how many it has."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.lines").open("a+", encoding="utf-8") as lines:
        lines.write("line\n")
        lines.seek(0)
        return len(lines.readlines())


def echo(context: OrchestrationContext, request: Text) -> Steps[Text]:
    """Return the input."""
    return request
    yield


def words(context: OrchestrationContext, request: Words) -> Steps[list[str]]:
    """Return the input, that is no object."""
    return request.root
    yield


def by_call(context: OrchestrationContext, request: Size) -> Steps[Text]:
    """Get a text from an activity, give it to another, and return it."""
    text = yield from context.call(write, request)
    size = yield from context.call(measure, text)
    assert size == request
    return text


def by_child(context: OrchestrationContext, request: Text) -> Steps[list[Text]]:
    """Give a text to two children, one of which begins anew, and return what they return."""
    children = [context.run(echo, request), context.run(by_rounds, request.model_copy(update={"rounds": 2}))]
    return (yield from context.all(children))


def by_rounds(context: OrchestrationContext, request: Text) -> Steps[Text]:
    """Begin anew with the text."""
    if request.rounds:
        yield from context.continue_as_new(Text(text=request.text, rounds=request.rounds - 1))
    return request


def by_words(context: OrchestrationContext, request: Text) -> Steps[list[str]]:
    """Give a child what is no object."""
    return (yield from context.run(words, Words([request.text])))


def until_told(context: OrchestrationContext, request: Text) -> Steps[list[Any]]:
    """Have a text measured, wait for an event, and return both: what it waits with was read before."""
    text = yield from context.call(write, Size(characters=len(request.text)))
    told = yield from context.wait_for("Go")
    size = yield from context.call(measure, text)
    return [size.characters, told]


def noted(context: OrchestrationContext, request: Text) -> Steps[list[Text]]:
    """Have one thing noted twice under one key, and two under keys of their own."""
    twice = [Note(text=request.text, key=f"{context.instance_id}-key", failures=1)] * 2
    results = yield from context.all([context.call(note, one, retry=Retry(attempts=2)) for one in twice])
    first = yield from context.call(note, Note(text="a"))
    second = yield from context.call(note, Note(text="a"))
    return [*results, first, second]


def noted_under(context: OrchestrationContext, request: Text) -> Steps[Text]:
    """Have something noted under a key that others have too."""
    return (yield from context.call(note, Note(text=request.text, key=request.text)))


settings = HostingSettings.from_environ(os.environ)
app = AgentFunctionApp(
    settings=settings,
    orchestrations=[echo, words, by_call, by_child, by_rounds, by_words, until_told, noted, noted_under],
)
app.add_activity(write)
app.add_activity(measure)
app.add_activity(note, once=True)


@app.orchestration_trigger(context_name="context")
def noted_by_the_sdk(context: df.DurableOrchestrationContext) -> Any:
    """Call an activity that acts once, with what the caller sends."""
    return (yield context.call_activity("note", context.get_input()))


@app.orchestration_trigger(context_name="context")
def of_the_sdk(context: df.DurableOrchestrationContext) -> Any:
    """Call an activity and a child of the library, and return what came: never a reference."""
    sent = context.get_input()
    text = yield context.call_activity("write", {"characters": sent})
    echoed = yield context.call_sub_orchestrator("echo", text)
    rounds = yield context.call_sub_orchestrator("by_rounds", {**text, "rounds": 1})
    return [len(text["text"]), len(echoed["text"]), len(rounds["text"])]
