"""Whatever steps are put together, and in whatever order they end: each behaves as it does alone.

An oracle in plain Python says when each part of a tree of steps ends, from when its leaves do.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from durable_agents import FOREVER, First, Orchestration, OrchestrationContext, ReviewPolicy, Steps
from durable_agents.testing import Replay, replay
from durable_agents.tests.unit.orchestration.trees import Leaf, Tree, trees

HOUR = timedelta(hours=1)
CALL = 7


class Nothing(BaseModel):
    """The input of the runs here."""


class Answer(BaseModel):
    number: int


def named(name: str) -> Callable[[Nothing], int]:
    """Return an activity of this name."""

    def activity(request: Nothing) -> int:
        raise NotImplementedError

    activity.__name__ = name
    return activity


def child(name: str) -> Any:
    """Return an orchestration of this name."""

    def orchestration(context: OrchestrationContext, request: Nothing) -> Steps[int]:
        raise NotImplementedError
        yield

    orchestration.__name__ = name
    return orchestration


def leaf_step(context: OrchestrationContext, leaf: Leaf) -> Any:
    """Return the step that a leaf stands for."""
    n, timeout = leaf.number, None if leaf.hours is None else leaf.hours * HOUR
    match leaf.kind:
        case "call":
            return context.call(named(f"call{n}"), Nothing(), retry=None, timeout=timeout)
        case "ask":
            return context.ask(f"Agent{n}", "Well?", Answer, timeout=timeout)
        case "run":
            return context.run(child(f"run{n}"), Nothing(), timeout=timeout)
        case "wait":
            return context.wait_for(f"Event{n}", Answer, timeout=timeout or FOREVER)
        case "approve":
            policy = ReviewPolicy(approval_timeout_hours=leaf.hours or 1)
            return context.approve(f"Text {n}", "Read this.", policy)
    assert leaf.hours is not None
    return context.sleep(leaf.hours * HOUR)


def told(result: object) -> object:
    """Return a result in the words of the oracle."""
    if isinstance(result, Exception):
        return "failed"
    if isinstance(result, list | tuple):
        return [told(one) for one in result]
    if isinstance(result, Answer):
        return result.number
    if isinstance(result, First):
        return {"index": result.index, "result": told(result.result)}
    return result


def play(context: OrchestrationContext, tree: Tree) -> Any:
    """Return the step, or the part of an orchestration, that a tree stands for."""
    parts = tree.parts
    match tree.kind:
        case "leaf":
            assert tree.leaf is not None
            return answer_of(context, tree.leaf)
        case "all":
            return context.all([play(context, part) for part in parts])
        case "all, failures too":
            return context.all([play(context, part) for part in parts], return_exceptions=True)
        case "all, two at once":
            return context.all([play(context, part) for part in parts], width=2)
        case "all, failures too, two at once":
            return context.all([play(context, part) for part in parts], return_exceptions=True, width=2)
        case "first":
            return context.first([play(context, part) for part in parts])
        case "first, but no failure":
            return context.first([play(context, part) for part in parts], skip_failures=True)
        case "caught":
            return caught(context, parts[0])
    return one_after_the_other(context, parts)


def answer_of(context: OrchestrationContext, leaf: Leaf) -> Any:
    """Return the step of a leaf; that of an approval says whether it is approved."""
    return approved(context, leaf) if leaf.kind == "approve" else leaf_step(context, leaf)


def approved(context: OrchestrationContext, leaf: Leaf) -> Steps[object]:
    review = yield from leaf_step(context, leaf)
    return None if review.decision is None else review.is_approved


def caught(context: OrchestrationContext, tree: Tree) -> Steps[object]:
    try:
        return (yield from play(context, tree))
    except Exception:
        return "caught"


def one_after_the_other(context: OrchestrationContext, parts: tuple[Tree, ...]) -> Steps[list[object]]:
    results = []
    for part in parts:
        results.append((yield from play(context, part)))
    return results


@dataclass
class World:
    """What happened, in turns: when each leaf was answered, with what, and how late it was then."""

    clock: list[datetime]
    answered: dict[int, tuple[int, object]] = field(default_factory=dict)
    told: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class End:
    """In which turn something ended, and how."""

    turn: int
    result: object

    @property
    def has_failed(self) -> bool:
        return self.result == "failed"


class Oracle:
    """Says how a tree ends that begins in a turn; None as long as it has not."""

    def __init__(self, world: World) -> None:
        self.world = world

    def end(self, tree: Tree, begin: int) -> End | None:
        match tree.kind:
            case "leaf":
                assert tree.leaf is not None
                return self.end_of_leaf(tree.leaf, begin)
            case "caught":
                end = self.end(tree.parts[0], begin)
                return End(end.turn, "caught") if end and end.has_failed else end
            case "one after the other":
                return self.end_of_sequence(tree, begin)
        ends = self.ends_of_parts(tree, begin)
        ended = [(end.turn, n, end) for n, end in enumerate(ends) if end]
        failed = [one for one in ended if one[2].has_failed]
        if tree.kind.startswith("all"):
            if failed and "failures too" not in tree.kind:
                return End(min(failed)[0], "failed")
            if len(ended) < len(ends):
                return None
            return End(max([begin, *(turn for turn, _, _ in ended)]), [end.result for _, _, end in ended])
        if tree.kind == "first, but no failure":
            if len(failed) == len(ends):
                return End(max(failed)[0], "failed")
            ended = [one for one in ended if not one[2].has_failed]
        if not ended:
            return None
        turn, n, end = min(ended, key=lambda one: one[:2])
        return end if end.has_failed else End(turn, {"index": n, "result": end.result})

    def ends_of_parts(self, tree: Tree, begin: int) -> list[End | None]:
        """Return how the parts of a group end; of two at once, one begins when no more than one before it runs."""
        if not tree.kind.endswith("two at once"):
            return [self.end(part, begin) for part in tree.parts]
        ends: list[End | None] = []
        for number, part in enumerate(tree.parts):
            turns = sorted(end.turn for end in ends if end)
            room_since = begin if number < 2 else next(iter(turns[number - 2 :]), None)
            ends.append(None if room_since is None else self.end(part, room_since))
        return ends

    def end_of_sequence(self, tree: Tree, begin: int) -> End | None:
        results = []
        for part in tree.parts:
            end = self.end(part, begin)
            if end is None or end.has_failed:
                return end
            begin = end.turn
            results.append(end.result)
        return End(begin, results)

    def end_of_leaf(self, leaf: Leaf, begin: int) -> End | None:
        too_late = None
        if leaf.hours is not None:
            over = (
                self.world.clock[begin]
                + leaf.hours * HOUR
                + (timedelta(seconds=1) if leaf.kind == "approve" else timedelta())
            )
            too_late = next((turn for turn, now in enumerate(self.world.clock) if turn > begin and now >= over), None)
        if leaf.kind == "sleep":
            return None if too_late is None else End(too_late, None)
        answer = self.world.answered.get(leaf.number)
        ends = [] if answer is None else [End(max(answer[0], begin), answer[1])]
        ends += [] if too_late is None else [End(too_late, None if leaf.kind == "approve" else "failed")]
        end = min(ends, key=lambda one: one.turn, default=None)
        if end is not None and leaf.kind == "approve":
            heard = self.world.told.get(leaf.number)
            return None if heard is None else End(max(end.turn, heard), end.result)
        return end


class Player:
    """Lets happen in a run what may happen next, as long as anything may."""

    def __init__(self, run: Replay, tree: Tree) -> None:
        self.run = run
        self.leaves = list(tree.leaves())
        self.world = World([run.now])

    def choices(self) -> Iterator[Callable[[], None]]:
        """Yield what may happen next; timers fire in the order of their times."""
        run = self.run
        timers = sorted((leaf["fireAt"], number) for number, leaf in run.timers().items())
        if timers:
            yield partial(run.fire, timers[0][1])
        names = {str(leaf.get("functionName")) for leaf in run.open.values()}
        names |= {str(leaf.get("instanceId")).split("@")[1] for leaf in run.open.values() if leaf["actionType"] == CALL}
        for leaf in self.leaves:
            n = leaf.number
            if leaf.kind == "approve":
                yield from self.choices_of_review(leaf)
            elif n not in self.world.answered:
                name = f"dafx-agent{n}" if leaf.kind == "ask" else f"{leaf.kind}{n}"
                if leaf.kind == "wait" or name in names:
                    yield partial(self.answer, leaf)

    def choices_of_review(self, leaf: Leaf) -> Iterator[Callable[[], None]]:
        n, status = leaf.number, self.run.state.get("customStatus") or {}
        waiting = status.get("requests") or ([status["waiting_for"]] if "waiting_for" in status else [])
        for request in waiting:
            if request.get("title") == f"Text {n}" and n not in self.world.answered:
                yield partial(self.decide, leaf, request)
        for number, action in self.run.open.items():
            if action.get("functionName") == "notify_reviewer" and f'"title": "Text {n}"' in action["input"]:
                yield partial(self.tell, leaf, number)

    def answer(self, leaf: Leaf) -> None:
        n, run = leaf.number, self.run
        self.world.answered[n] = (len(self.world.clock), "failed" if leaf.fails else n)
        if leaf.kind == "wait":
            # What fits no model is no answer.
            run.raise_event(f"Event{n}", {"number": n} if not leaf.fails else {"wrong": n})
            if leaf.fails:
                del self.world.answered[n]
                self.leaves.remove(leaf)
        elif leaf.kind == "ask":
            run.answer(f"Agent{n}", {"error": "away", "status": "error"} if leaf.fails else Answer(number=n))
        elif leaf.fails:
            run.fail(f"{leaf.kind}{n}", attempts=1)
        else:
            run.complete(f"{leaf.kind}{n}", n)

    def decide(self, leaf: Leaf, request: dict[str, Any]) -> None:
        self.world.answered[leaf.number] = (len(self.world.clock), not leaf.fails)
        named = {name: request[name] for name in ("request_id", "content_hash")}
        self.run.raise_event(request["event_name"], {**named, "approved": not leaf.fails})

    def tell(self, leaf: Leaf, number: int) -> None:
        self.world.told[leaf.number] = len(self.world.clock)
        self.run.complete_number(number, {"channel": "webhook", "location": None})

    def play(self, choose: Callable[[list[Callable[[], None]]], Callable[[], None]]) -> None:
        """Let things happen until the run is over."""
        while not self.is_over and (choices := list(self.choices())):
            choose(choices)()
            self.world.clock.append(self.run.now)

    @property
    def is_over(self) -> bool:
        return bool(self.run.state["isDone"] or "error" in self.run.state)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree=trees(), data=st.data())
def test_a_tree_of_steps_ends_as_its_parts_say(tree: Tree, data: st.DataObject) -> None:
    def orchestration(context: OrchestrationContext, request: Nothing) -> Steps[Any]:
        return told((yield from play(context, tree)))

    run = replay(Orchestration(orchestration), {})
    player = Player(run, tree)
    player.play(lambda choices: data.draw(st.sampled_from(choices)))
    end = Oracle(player.world).end(tree, 0)
    assert (end is None) == (not player.is_over), (end, run.state)
    if end is None:
        return
    assert end.turn == len(player.world.clock) - 1
    if end.has_failed:
        assert "error" in run.state
    else:
        assert "error" not in run.state, run.state["error"]
        assert run.state.get("output") == end.result
    run.settle()
    assert run.timers() == {}
