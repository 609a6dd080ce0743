"""An orchestration that runs a list of steps, and what comes of it, told from the steps alone.

A step is a word and its operands. `mark KEY [MS]`, `fragile KEY` and `stumble KEY` call activities that leave a mark
under this key, the last with a retry policy under which it fails; `fan [KEY MS]...` calls several at once. `count KEY`
calls the run's entity and `signal KEY` signals it. `nap MS`, `wait EVENT`, `child STEP...`, `lost child STEP...` (one
that fails), `again` (continue as new) and `fail TEXT` are what they say. `hear EVENT COUNT` waits for so many events,
whose names have a number, and `race KEY MS` for a mark or an hour, whose timer it cancels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from datetime import timedelta
from random import Random
from typing import Any, TypedDict

import azure.durable_functions as df

Steps = Sequence[Sequence[Any]]

ATTEMPTS = 2
TWICE = "played twice at once"
"""The run under whose name an instance leaves a mark when two threads play it."""

_RETRIES = df.RetryOptions(first_retry_interval_in_milliseconds=20, max_number_of_attempts=ATTEMPTS)


class Order(TypedDict):
    """An activity's input: whose mark, which, and how many milliseconds it takes."""

    run: str
    key: str
    ms: int


def run(context: df.DurableOrchestrationContext) -> Generator[Any, Any, list[Any] | None]:
    """Run the steps of the input and return what each gave; None when it continues as new."""
    order: dict[str, Any] = context.get_input() or {}
    results: list[Any] = list(order["results"])
    for number, (word, *operands) in enumerate(order["steps"], 1):
        match word:
            case "again":
                context.continue_as_new({**order, "steps": order["steps"][number:], "results": results})
                return None
            case "fail":
                raise ValueError(operands[0])
            case "stumble" | "lost child":
                try:
                    yield _task(context, order["run"], word, operands)
                except Exception:
                    results.append("failed")
            case "hear":
                results.append((yield from _hear(context, *operands)))
            case "race":
                results.append((yield from _race(context, _task(context, order["run"], "mark", operands))))
            case "signal":
                context.signal_entity(df.EntityId("tally", order["run"]), "count", operands[0])
                results.append("signalled")
            case _:
                results.append((yield _task(context, order["run"], word, operands)))
    return results


def _hear(context: df.DurableOrchestrationContext, event: str, count: int) -> Generator[Any, Any, list[Any]]:
    """Wait for events and return what they carried. The SDK keeps one early event of a name only."""
    heard = []
    for number in range(count):
        heard.append((yield context.wait_for_external_event(f"{event}{number}")))
    return heard


def _race(context: df.DurableOrchestrationContext, task: Any) -> Generator[Any, Any, Any]:
    """Wait for a task, at most an hour, and return its result."""
    hour: Any = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    yield context.task_any([task, hour])
    hour.cancel()
    return task.result


def _task(context: df.DurableOrchestrationContext, run: str, word: str, operands: Sequence[Any]) -> Any:
    """Return the task of a step."""

    def activity_input(key: str, ms: int = 0) -> Order:
        return {"run": run, "key": key, "ms": ms}

    match word:
        case "mark":
            return context.call_activity("leave_mark", activity_input(*operands))
        case "fragile":
            return context.call_activity("fragile", activity_input(*operands))
        case "stumble":
            return context.call_activity_with_retry("stumble", _RETRIES, activity_input(*operands))
        case "fan":
            return context.task_all([context.call_activity("leave_mark", activity_input(*one)) for one in operands])
        case "nap":
            return context.create_timer(context.current_utc_datetime + timedelta(milliseconds=operands[0]))
        case "wait":
            context.set_custom_status(f"waits for {operands[0]}")
            return context.wait_for_external_event(operands[0])
        case "count":
            return context.call_entity(df.EntityId("tally", run), "count", operands[0])
        case "child" | "lost child":
            return context.call_sub_orchestrator("errands", order(run, operands))
    raise ValueError(f"there is no step {word!r}")


def count(context: df.DurableEntityContext) -> None:
    """Count, in an entity's state, how often each operation was applied."""
    key = str(context.get_input())
    counts: dict[str, int] = context.get_state(dict)
    counts[key] = counts.get(key, 0) + 1
    context.set_state(counts)
    context.set_result(key)


def order(run: str, steps: Steps) -> dict[str, Any]:
    """Return the input that makes `errands` run these steps; `run` names the run in its effects."""
    return {"run": run, "steps": steps, "results": []}


def results(steps: Steps) -> list[Any]:
    """Return the output of a run that ends well and whose events carry their own names."""
    return [_result(word, operands) for word, *operands in steps if word != "again"]


def effects(steps: Steps) -> Counter[str]:
    """Return how often each effect happens when nothing crashes."""
    return Counter(key for step in steps for key in _keys(step))


def counted(steps: Steps) -> dict[str, int]:
    """Return the state of the run's entity: every operation once, in order."""
    return {key: 1 for word, key in _operations(steps) if word in ("count", "signal")}


def random_steps(dice: Random, keys: Iterator[str], depth: int = 2) -> Steps:
    """Return two to six steps that end well. Their durations vary, so that runs do not keep in step.

    Steps of the run itself, not of its children, may wait for external events, each with a name of its own.
    """
    steps: list[list[Any]] = []
    words = ["mark", "mark", "fan", "nap", "stumble", "count", "signal"]
    words += [["count"], ["child", "lost child"], ["child", "lost child", "wait"]][depth]
    for _ in range(dice.randint(2, 6)):
        word = dice.choice(words)
        if word == "mark":
            steps.append(["mark", next(keys), dice.randint(0, 60)])
        elif word == "fan":
            steps.append(["fan", *([next(keys), dice.randint(0, 80)] for _ in range(dice.randint(1, 4)))])
        elif word == "nap":
            steps.append(["nap", dice.randint(0, 120)])
        elif word in ("child", "lost child"):
            inner = random_steps(dice, keys, depth - 1)
            steps.append([word, *inner, *([["fail", "lost"]] if word == "lost child" else [])])
        else:
            steps.append([word, next(keys)])
    if depth and dice.random() < 0.4:
        steps.insert(dice.randrange(len(steps)), ["again"])
    return steps


def events(steps: Steps) -> list[str]:
    """Return the names of the external events that a run waits for, in order."""
    return [operands[0] for word, *operands in steps if word == "wait"]


def _result(word: str, operands: Sequence[Any]) -> Any:
    match word:
        case "fan":
            return [key for key, *_ in operands]
        case "nap":
            return None
        case "hear":
            return list(range(operands[1]))
        case "stumble" | "lost child":
            return "failed"
        case "child":
            return results(operands)
        case "signal":
            return "signalled"
        case _:
            return operands[0]


def _keys(step: Sequence[Any]) -> Iterator[str]:
    word, *operands = step
    match word:
        case "mark" | "race" | "fragile" | "count" | "signal":
            yield operands[0]
        case "fan":
            yield from (key for key, *_ in operands)
        case "stumble":
            yield from [operands[0]] * ATTEMPTS
        case "child" | "lost child":
            yield from effects(operands).elements()


def _operations(steps: Steps) -> Iterator[tuple[str, str]]:
    for word, *operands in steps:
        if word in ("child", "lost child"):
            yield from _operations(operands)
        elif operands:
            yield word, operands[0]
