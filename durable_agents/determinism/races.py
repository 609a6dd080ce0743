"""Races of raw tasks that go wrong: a timer that nobody cancels, and a task that an earlier race has waited for."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from durable_agents.determinism.evaluation import Evaluator
from durable_agents.determinism.rules import Rule
from durable_agents.determinism.scopes import FunctionNode, Scope, within
from durable_agents.determinism.values import ContextMethod

_TIMER = Rule(
    "timer-not-cancelled",
    "loses a race and is not cancelled: the run is not over before it fires.",
    *("Cancel it when the other has won: `timer.cancel()`; or write `context.first([...])` of `OrchestrationContext`.",)
    * 2,
)
_RACED_AGAIN = Rule(
    "raced-again",
    "races a task that an earlier `task_any` has waited for with a new one: what is started after it is held back "
    "until the new one ends.",
    *("Make a new task for each race, or write `context.first([...])` of `OrchestrationContext`.",) * 2,
)


@dataclass(frozen=True, slots=True)
class _Race:
    call: ast.Call
    tasks: frozenset[ast.Call]
    loops: tuple[ast.AST, ...]
    branches: tuple[tuple[ast.AST, str], ...]


def races_of(node: FunctionNode, scope: Scope, evaluator: Evaluator) -> Iterator[tuple[Rule, ast.AST]]:
    """Yield what is wrong with the races of a function, and where."""
    if isinstance(node, ast.Lambda) or b"task_any" not in scope.module.source:
        return
    reader = _Reader(node, scope, evaluator)
    races = list(reader.races())
    for timer in dict.fromkeys(task for race in races for task in sorted(race.tasks, key=_place)):
        if reader.is_made_by(timer, "create_timer") and not reader.is_cancelled(timer):
            yield _TIMER, timer
    for later in races:
        if any(_waits_again(earlier, later, reader) for earlier in races):
            yield _RACED_AGAIN, later.call


def _waits_again(earlier: _Race, later: _Race, reader: "_Reader") -> bool:
    common = [loop for loop in later.loops if loop in earlier.loops]
    if earlier is later and not later.loops:
        return False
    if earlier is not later and (_place(earlier.call) > _place(later.call) or _excludes(earlier, later)):
        return False

    def is_new(task: ast.Call) -> bool:
        """Whether the task is made between the two races."""
        if earlier is later:
            return later.loops[-1] in reader.loops_of(task)
        made_between = _place(earlier.call) < _place(task) <= _end(later.call)
        return made_between or any(loop in reader.loops_of(task) for loop in later.loops if loop not in common)

    shared = later.tasks & earlier.tasks
    return any(not is_new(task) for task in shared) and any(is_new(task) for task in later.tasks)


def _excludes(one: _Race, other: _Race) -> bool:
    """Say whether the two stand in different branches of an `if`."""
    branches = dict(one.branches)
    return any(branches.get(where, branch) != branch for where, branch in other.branches)


class _Reader:
    """What the tasks of one function are, and where they are made."""

    def __init__(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope, evaluator: Evaluator) -> None:
        self._node, self._scope, self._evaluator = node, scope, evaluator
        self._nodes = list(within(node.body))
        self._parents = {child: one for one in [node, *self._nodes] for child in ast.iter_child_nodes(one)}

    def races(self) -> Iterator[_Race]:
        """Yield the races of the function, in their order."""
        for node in self._nodes:
            if isinstance(node, ast.Call) and self.is_made_by(node, "task_any") and node.args:
                tasks = frozenset(self._tasks(node.args[0], 0))
                yield _Race(node, tasks, self.loops_of(node), tuple(self._branches(node)))

    def is_made_by(self, node: ast.Call, method: str) -> bool:
        """Say whether this is a call of that method of the SDK's context."""
        if not isinstance(node.func, ast.Attribute) or node.func.attr != method:
            return False
        return ContextMethod("raw", method) in self._evaluator.evaluate(node.func, self._scope)

    def loops_of(self, node: ast.AST) -> tuple[ast.AST, ...]:
        """Return the loops that a node stands in, the outermost first."""
        found: list[ast.AST] = []
        child = node
        while (parent := self._parents.get(child)) is not None:
            is_head = isinstance(parent, ast.For) and child is parent.iter
            if isinstance(parent, ast.For | ast.While) and not is_head:
                found.append(parent)
            child = parent
        return tuple(reversed(found))

    def is_cancelled(self, timer: ast.Call) -> bool:
        """Say whether the timer is cancelled somewhere where another has won, or is given to somebody who may do it."""
        names = {name for name in self._scope.names if timer in self._tasks(ast.Name(name, ast.Load()), 0)}
        for node in self._nodes:
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="cancel")) if name in names:
                    if not self._is_where_it_won(node, name):
                        return True
                case ast.Call(args=arguments) if not self._is_of_the_context(node):
                    if any(isinstance(one, ast.Name) and one.id in names for one in arguments):
                        return True
                case ast.Return(value=ast.Name(id=name)) if name in names:
                    return True
                case ast.For(iter=ast.Name(id=name), target=ast.Name(id=one)) if name in names:
                    if _cancels(node, one):
                        return True
        return False

    def _is_where_it_won(self, node: ast.AST, timer: str) -> bool:
        """Say whether this stands where the timer has fired: in `if winner == timer:`."""
        for branch, part in self._branches(node):
            match branch:
                case ast.If(test=ast.Compare(left=left, ops=[operator], comparators=[right])):
                    if timer in {ast.unparse(left), ast.unparse(right)}:
                        is_equal = isinstance(operator, ast.Eq | ast.Is)
                        if is_equal == (part == "body") and isinstance(
                            operator, ast.Eq | ast.Is | ast.NotEq | ast.IsNot
                        ):
                            return True
        return False

    def _branches(self, node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
        child = node
        while (parent := self._parents.get(child)) is not None:
            if isinstance(parent, ast.If):
                yield parent, "body" if child in parent.body else "orelse" if child in parent.orelse else "test"
            child = parent

    def _is_of_the_context(self, node: ast.Call) -> bool:
        return any(isinstance(one, ContextMethod) for one in self._evaluator.evaluate(node.func, self._scope))

    def _tasks(self, node: ast.AST, depth: int) -> Iterator[ast.Call]:
        """Yield the calls that make the tasks which an expression may stand for."""
        if depth > 8:
            return
        parts = _parts(node)
        if parts is not None:
            for part in parts:
                yield from self._tasks(part, depth + 1)
            return
        match node:
            case ast.Call():
                yield node
            case ast.Name(id=name):
                for binding in self._scope.names.get(name, []):
                    if binding.how == "value" and not binding.path:
                        yield from self._tasks(binding.node, depth + 1)
                yield from self._added(name, depth)

    def _added(self, name: str, depth: int) -> Iterator[ast.Call]:
        for node in self._nodes:
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr="append" | "extend"), args=[value]):
                    if owner == name:
                        yield from self._tasks(value, depth + 1)


def _parts(node: ast.AST) -> list[ast.expr] | None:
    """Return the expressions whose tasks a list of tasks has, or None if it is no list."""
    match node:
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return elements
        case ast.Starred(value=value) | ast.NamedExpr(value=value) | ast.ListComp(elt=value):
            return [value]
        case ast.GeneratorExp(elt=value) | ast.Call(func=ast.Attribute(value=value, attr="values")):
            return [value]
        case ast.Call(func=ast.Name(id="list" | "tuple"), args=[value]):
            return [value]
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.Dict(values=values):
            return values
    return None


def _cancels(loop: ast.For, name: str) -> bool:
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "cancel"
        and ast.unparse(node.func.value) == name
        for node in ast.walk(loop)
    )


def _place(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _end(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "end_lineno", None) or 0, getattr(node, "end_col_offset", None) or 0
