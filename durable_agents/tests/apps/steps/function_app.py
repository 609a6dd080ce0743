"""An orchestration for each step, and for steps of every kind side by side. Activities leave a line for each time they
run, under their key, in OUTBOX_DIR.
"""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent_framework import Agent
from pydantic import BaseModel

from durable_agents import (
    AgentFunctionApp,
    HostingSettings,
    Keyed,
    Orchestration,
    OrchestrationContext,
    Retry,
    ReviewPolicy,
    Steps,
    StepTimeoutError,
    create_chat_client,
)
from durable_agents.limits import LARGEST_PAYLOAD_BYTES

FOLDER = Path(os.environ["OUTBOX_DIR"])
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
SOON = Retry(attempts=3, pause=SECOND / 2)


class Order(BaseModel):
    number: int = 0


class Parcel(Keyed):
    """What is shipped: `after` so many failures, and in so many seconds."""

    name: str
    after: int = 0
    seconds: float = 0


class Receipt(BaseModel):
    text: str


class Go(BaseModel):
    text: str


def ship(parcel: Parcel) -> Receipt:
    """Leave a line under the key."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{parcel.key}.shipped"
    with path.open("a+", encoding="utf-8") as lines:
        lines.write(f"{parcel.name}\n")
        lines.seek(0)
        before = len(lines.readlines()) - 1
    if before < parcel.after:
        raise ValueError(f"no carrier for {parcel.name}")
    if parcel.seconds and not before:
        time.sleep(parcel.seconds)
    return Receipt(text=parcel.name)


def shipped(context: OrchestrationContext, name: str, **how: Any) -> Any:
    """Return the step that ships something, under a key that tests can foretell."""
    return context.call(ship, Parcel(name=name, key=f"{context.instance_id}-{name}", **how), retry=SOON)


def call(context: OrchestrationContext, request: Order) -> Steps[Receipt]:
    return (yield from context.call(ship, Parcel(name="one")))


def call_again(context: OrchestrationContext, request: Order) -> Steps[Receipt]:
    return (yield from shipped(context, "late", after=2))


def call_in_vain(context: OrchestrationContext, request: Order) -> Steps[str]:
    try:
        yield from shipped(context, "never", after=100)
    except Exception as error:
        return str(error)
    return "shipped"


def call_too_slow(context: OrchestrationContext, request: Order) -> Steps[str]:
    try:
        yield from context.call(ship, Parcel(name="slow", seconds=3), retry=None, timeout=SECOND)
    except StepTimeoutError as error:
        return str(error)
    return "shipped"


def ask(context: OrchestrationContext, request: Order) -> Steps[bool]:
    session = context.new_session("Clerk")
    first = yield from context.ask("Clerk", "Hello.", session=session, timeout=HOUR)
    second = yield from context.ask("Clerk", "And again.", session=session, retry=Retry(attempts=2))
    return bool(first and second)


def run(context: OrchestrationContext, request: Order) -> Steps[list[Receipt]]:
    return (yield from context.all([context.run(call, request), context.run(call, request, timeout=HOUR)]))


def wait(context: OrchestrationContext, request: Order) -> Steps[str]:
    go = yield from context.wait_for("Go", Go, timeout=HOUR)
    return go.text


def wait_in_vain(context: OrchestrationContext, request: Order) -> Steps[list[str]]:
    """Give up, and get the event that comes after that."""
    try:
        yield from context.wait_for("Go", Go, timeout=SECOND)
    except StepTimeoutError as error:
        context.status("Given up")
        yield from shipped(context, "reminder", seconds=1)
        first = yield from context.wait_for("Go", Go, timeout=HOUR)
        second = yield from context.wait_for("Go", Go)
        return [str(error), first.text, second.text]
    return ["it came"]


def sleep(context: OrchestrationContext, request: Order) -> Steps[bool]:
    began = context.now
    yield from context.sleep(SECOND * 2)
    return context.now - began >= SECOND * 2


def approve_two(context: OrchestrationContext, request: Order) -> Steps[list[str]]:
    policies = (ReviewPolicy(reviewers=["ada"]), ReviewPolicy(reviewers=["ada", "eve"], required_approvals=2))
    steps = [context.approve(f"Text {n}", "Read this.", policy) for n, policy in enumerate(policies)]
    reviews = yield from context.all([context.wait_for("Go"), *steps])
    return [str(review.is_approved) for review in reviews[1:]]


def all_kinds(context: OrchestrationContext, request: Order) -> Steps[list[str]]:
    """Do one of each kind, two parts among them, which start later steps while the others still wait."""
    results = yield from context.all(
        [
            shipped(context, "a", after=1),
            context.ask("Clerk", "Well?"),
            context.run(call, request),
            context.wait_for("Go", Go, timeout=HOUR),
            context.sleep(SECOND),
            chain(context, "b", 3),
            chain(context, "c", 2),
            context.approve("Text", "Read this."),
        ]
    )
    return [type(result).__name__ for result in results]


def chain(context: OrchestrationContext, name: str, length: int) -> Steps[int]:
    """Do several steps, one after the other."""
    for n in range(length):
        yield from shipped(context, f"{name}{n}")
        yield from context.sleep(SECOND / 10)
    return length


def first_of_kinds(context: OrchestrationContext, request: Order) -> Steps[list[str]]:
    """Race one of each kind: what comes from outside wins, and what lost leaves no timer."""
    won = yield from context.first(
        [
            context.sleep(HOUR),
            context.wait_for("Never", timeout=HOUR),
            context.approve("Text", "Read this."),
            chain_of_waits(context),
            context.first([context.sleep(HOUR * 2), context.all([context.sleep(HOUR), context.wait_for("Nor")])]),
            shipped(context, "lost", seconds=1) if request.number else context.wait_for("Go", Go),
            context.wait_for("Go", Go),
        ]
    )
    yield from shipped(context, "after")
    return [str(won.index), won.result.text]


def chain_of_waits(context: OrchestrationContext) -> Steps[None]:
    yield from shipped(context, "early")
    yield from context.wait_for("Nor", timeout=HOUR)


def failing(context: OrchestrationContext, request: Order) -> Steps[list[str]]:
    """Fail one of several, with the others cancelled; then again, with all waited for; then race without failures."""
    lost = context.call(ship, Parcel(name="bad", after=100), retry=None)
    try:
        yield from context.all([context.sleep(HOUR), context.wait_for("Go", timeout=HOUR), lost])
    except Exception as error:
        said = str(error)
    steps = [context.call(ship, Parcel(name="bad", after=100), retry=None), context.sleep(SECOND)]
    both = yield from context.all(steps, return_exceptions=True)
    racers = [context.call(ship, Parcel(name="bad", after=100), retry=None), shipped(context, "good")]
    won = yield from context.first(racers, skip_failures=True)
    return ["no carrier" in said, *(isinstance(one, Exception) for one in both), won.index]


def independent(context: OrchestrationContext, request: Order) -> Steps[int]:
    """Start later steps in a part while another waits for an event that comes only after they have ended."""
    parts = (chain(context, "d", 3), context.wait_for("Go"))
    length, _ = yield from context.all(parts)
    return length


def rounds(context: OrchestrationContext, request: Order) -> Steps[int]:
    """Take an event in each round, and begin anew; a part of it may still sleep."""
    if request.number == 3:
        return request.number
    yield from context.first([context.wait_for("Go", Go), context.sleep(HOUR)])
    yield from context.call(ship, Parcel(name="round", key=f"{context.instance_id}-{request.number}"))
    yield from context.all([context.sleep(HOUR), anew(context, request.number + 1)])
    return -1


def given_up(context: OrchestrationContext, request: Order) -> Steps[list[int]]:
    """Give up a wait, begin anew, and take what came for it."""
    if request.number == 0:
        yield from context.first([context.wait_for("Go", int), context.sleep(SECOND / 10)])
        yield from context.wait_for("Anew")
        yield from context.continue_as_new(Order(number=1))
    got: list[int] = []
    for _ in range(3):
        got.append((yield from context.wait_for("Go", int)))
    return got


def anew(context: OrchestrationContext, number: int) -> Steps[None]:
    yield from context.sleep(SECOND / 10)
    yield from context.continue_as_new(Order(number=number))


def no_step(context: OrchestrationContext, request: Order) -> Receipt:
    return Receipt(text=str(request.number))


def not_registered(request: Order) -> Receipt:
    raise NotImplementedError


def call_what_is_not_there(context: OrchestrationContext, request: Order) -> Steps[Receipt]:
    return (yield from context.call(not_registered, request))  # deterministic: a test sees what becomes of the run


ORCHESTRATIONS: list[Callable[..., Any]] = [
    *(call, call_again, call_in_vain, call_too_slow, ask, run, wait, wait_in_vain, sleep, approve_two),
    *(all_kinds, first_of_kinds, failing, independent, rounds, given_up, no_step, call_what_is_not_there),
]

settings = HostingSettings.from_environ(os.environ)
app = AgentFunctionApp(
    settings=settings,
    agents=[Agent(create_chat_client(settings.model), name="Clerk", instructions="Answer.")],
    orchestrations=[Orchestration(function) for function in ORCHESTRATIONS],
    # 0: no payload is in a history.
    largest_payload_bytes=int(os.environ.get("LARGEST_PAYLOAD_BYTES", LARGEST_PAYLOAD_BYTES)),
)
app.add_activity(ship)
