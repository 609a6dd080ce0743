"""Reads an orchestration and draws what it does: its steps, and what decides between them.

Drawn are the steps of the context, with the choices, loops and failures between them, not what only computes. A part of
the orchestration, a function of the same module that makes steps, is drawn where it is used.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from durable_agents.picture.chart import WITHIN_GROUP, Chart, Ends
from durable_agents.picture.names import Module, Scope
from durable_agents.picture.parts import STEPS, branches_of, context_of, is_generator, makes_steps, pairs_of
from durable_agents.picture.words import agreed, function_name, keyword_of, names_of, outcome_of, result_in_words, short

_LEAVES = (ast.Return, ast.Raise, ast.Break, ast.Continue)


class DrawingError(Exception):
    """The file has no orchestration that can be drawn."""


def draw(file: Path, root: Path, name: str | None = None) -> str:
    """Return the Mermaid flowchart of an orchestration: of the function `name`, or of the one the file is named after.

    `root` is the folder of the app, in which the modules lie that it imports; nothing is imported.

    Raises:
        DrawingError: There is no such function, or it makes no step.
    """
    module, name = Module(file, root), name or file.stem
    function = module.functions.get(name)
    if function is None or not makes_steps(function):
        raise DrawingError(f"{file} has no orchestration {name!r}: a function that makes steps of its context.")
    return _Drawing(name, module).of(function)


@dataclass
class _Frame:
    """Where paths go that leave what is drawn: `returns` collects them within a part, `loops` within each loop."""

    scope: Scope
    returns: Ends | None = None
    is_branch: bool = False
    loops: list[tuple[Ends, Ends]] = field(default_factory=list)
    # For each `try` around: what may fail within it.
    attempts: list[Ends] = field(default_factory=list)
    in_handler: bool = False
    # The outcome that a result was given last.
    said: dict[str, str] = field(default_factory=dict)

    def begin_loop(self) -> tuple[Ends, Ends]:
        """Begin a loop, and return where paths are collected that leave it, and that go on with it."""
        self.loops.append(([], []))
        return self.loops[-1]


class _Drawing:
    def __init__(self, name: str, module: Module) -> None:
        self._module = module
        self._chart = Chart()
        self._start = self._chart.add("end", name, [])
        self._active: list[str] = [name]

    def of(self, function: ast.FunctionDef) -> str:
        """Draw the orchestration, and return its text."""
        frame = _Frame(Scope(self._module, context_of(function)))
        if ends := self._block(function.body, self._start, frame):
            self._chart.add("end", "done", ends)
        return self._chart.as_mermaid()

    def _block(self, body: Sequence[ast.stmt], ends: Ends, frame: _Frame) -> Ends:
        for statement in body:
            if not ends:
                break
            ends = self._statement(statement, ends, frame)
        return ends

    def _statement(self, node: ast.stmt, ends: Ends, frame: _Frame) -> Ends:
        match node:
            case ast.If():
                return self._if(node, ends, frame)
            case ast.For() | ast.While():
                return self._loop(node, ends, frame)
            case ast.Try():
                return self._try(node, ends, frame)
            case ast.With():
                return self._block(node.body, ends, frame)
            case ast.Match():
                return self._match(node, ends, frame)
            case ast.Return():
                ends = self._expression(node.value, ends, frame)
                self._return(node.value, ends, frame)
                return []
            case ast.Raise():
                ends = self._expression(node.exc, ends, frame)
                self._raise(node, ends, frame)
                return []
            case ast.Break() | ast.Continue():
                breaks, continues = frame.loops[-1]
                (breaks if isinstance(node, ast.Break) else continues).extend(ends)
                return []
            case ast.FunctionDef() | ast.ClassDef():
                return ends
        ends = self._expression(node, ends, frame)
        self._note(node, frame)
        return ends

    def _note(self, node: ast.stmt, frame: _Frame) -> None:
        """Remember what a name was given."""
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    for name, part in pairs_of(target, value):
                        self._note_one(name, part, frame)
            case ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value):
                frame.scope.bind(target, value)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name() as target, attr="append"), args=[made])):
                before, _ = frame.scope.resolved(target)
                items = before.elts if isinstance(before, ast.List) else []
                frame.scope.bind(target, ast.List([*items, made], ast.Load()))

    @staticmethod
    def _note_one(target: ast.expr, value: ast.expr, frame: _Frame) -> None:
        match target, value:
            case ast.Attribute(value=ast.Name(id=name), attr="outcome"), ast.Constant(value=str(text)):
                frame.said[name] = text
            case ast.Name() | ast.Tuple(), _:
                frame.scope.bind(target, value)
                if isinstance(target, ast.Name) and (outcome := outcome_of(value)):
                    frame.said[target.id] = outcome

    def _if(self, node: ast.If, ends: Ends, frame: _Frame) -> Ends:
        ends = self._expression(node.test, ends, frame)
        if not (self._matters(node.body) or self._matters(node.orelse)):
            for statement in [*node.body, *node.orelse]:
                self._note(statement, frame)
            return ends
        ((choice, _),) = self._chart.add("choice", short(node.test), ends)
        before = dict(frame.said)
        then = self._block(node.body, [(choice, "yes")], frame)
        after_then, frame.said = frame.said if then else None, dict(before)
        other = self._block(node.orelse, [(choice, "no")], frame)
        if after_then is not None:
            frame.said = agreed(after_then, frame.said) if other else after_then
        return then + other

    def _match(self, node: ast.Match, ends: Ends, frame: _Frame) -> Ends:
        ends = self._expression(node.subject, ends, frame)
        if not any(self._matters(case.body) for case in node.cases):
            return ends
        ((choice, _),) = self._chart.add("choice", short(node.subject), ends)
        after: Ends = []
        for case in node.cases:
            after += self._block(case.body, [(choice, short(case.pattern))], frame)
        return after

    def _loop(self, node: ast.For | ast.While, ends: Ends, frame: _Frame) -> Ends:
        first = node.iter if isinstance(node, ast.For) else node.test
        if isinstance(node, ast.For):
            frame.scope.bind(node.target, node.iter)
        ends = self._expression(first, ends, frame)
        if not self._matters(node.body, _LEAVES[:2]):
            for statement in ast.walk(node):
                if isinstance(statement, ast.stmt):
                    self._note(statement, frame)
            return ends
        if isinstance(node, ast.For):
            text, into, out = f"for {short(node.target)} in {short(node.iter)}", "next", "over"
        else:
            text, into, out = short(node.test), "yes", "no"
        is_endless = isinstance(first, ast.Constant) and bool(first.value) and isinstance(node, ast.While)
        ((head, _),) = self._chart.add("join", " ", ends) if is_endless else self._chart.add("choice", text, ends)
        breaks, continues = frame.begin_loop()
        before = dict(frame.said)
        again = self._block(node.body, [(head, "" if is_endless else into)], frame)
        frame.said = agreed(before, frame.said) if again or continues or breaks else before
        self._chart.lead_back(again + continues, head)
        frame.loops.pop()
        over = [] if is_endless else self._block(node.orelse, [(head, out)], frame)
        return over + breaks

    def _try(self, node: ast.Try, ends: Ends, frame: _Frame) -> Ends:
        frame.attempts.append([])
        ends = self._block(node.body, ends, frame)
        failing = frame.attempts.pop()
        ends = self._block(node.orelse, ends, frame)
        for handler in node.handlers if failing else []:
            what = "on any error" if handler.type is None else f"on {short(handler.type)}"
            was, frame.in_handler = frame.in_handler, True
            ends = ends + self._block(handler.body, [(start, what) for start, _ in failing], frame)
            frame.in_handler = was
        return self._block(node.finalbody, ends, frame)

    def _return(self, value: ast.expr | None, ends: Ends, frame: _Frame) -> None:
        if frame.returns is None or (frame.is_branch and frame.in_handler):
            self._chart.add("end", result_in_words(value, frame.said), ends)
        else:
            frame.returns.extend(ends)

    def _raise(self, node: ast.Raise, ends: Ends, frame: _Frame) -> None:
        if frame.attempts:
            frame.attempts[-1].extend(ends)
            return
        error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        self._chart.add("end", "fails" + (f": {short(error)}" if error is not None else ""), ends)

    def _expression(self, node: ast.AST | None, ends: Ends, frame: _Frame) -> Ends:
        """Draw the steps that an expression, or a simple statement, waits for, in their order."""
        match node:
            case None | ast.Lambda():
                return ends
            case ast.IfExp() if self._waits(node.body) or self._waits(node.orelse):
                ends = self._expression(node.test, ends, frame)
                ((choice, _),) = self._chart.add("choice", short(node.test), ends)
                then = self._expression(node.body, [(choice, "yes")], frame)
                return then + self._expression(node.orelse, [(choice, "no")], frame)
            case ast.YieldFrom(value=value):
                return self._step(value, frame.scope, self._expression(value, ends, frame), frame)
        for child in ast.iter_child_nodes(node):
            ends = self._expression(child, ends, frame)
        return ends

    def _step(self, value: ast.expr, scope: Scope, ends: Ends, frame: _Frame) -> Ends:
        """Draw one step: of the context, or a part of the orchestration."""
        value, scope = scope.resolved(value)
        match value:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=kind)) if (
                name == scope.context and kind in STEPS
            ):
                ends = self._of_context(kind, value, scope, ends, frame)
            case ast.Call(func=ast.Name(id=name)) if self._is_part(name) and name not in self._active:
                return self._part(name, value, scope, ends, frame)
            case ast.Call(func=ast.Name(id=name)):
                ends = self._chart.add("child", name, ends)
            case ast.IfExp():
                ((choice, _),) = self._chart.add("choice", short(value.test), ends)
                then = self._step(value.body, scope, [(choice, "yes")], frame)
                return then + self._step(value.orelse, scope, [(choice, "no")], frame)
            case _:
                ends = self._chart.add("wait", short(value), ends)
        if frame.attempts:
            frame.attempts[-1].extend(ends)
        return ends

    def _of_context(self, kind: str, call: ast.Call, scope: Scope, ends: Ends, frame: _Frame) -> Ends:
        first = call.args[0] if call.args else ast.Constant("")
        match kind:
            case "ask":
                model = call.args[2] if len(call.args) > 2 else keyword_of(call, "answer_model")
                form = f": {short(model)}" if model is not None else ""
                return self._chart.add("agent", f"ask {names_of(scope.texts(first), first)}{form}", ends)
            case "call":
                return self._chart.add("activity", f"call {function_name(first, scope)}", ends)
            case "run":
                return self._chart.add("child", f"run {function_name(first, scope)}", ends)
            case "wait_for":
                text = names_of([], first)
                return self._chart.add("wait", f"wait for {text}", ends)
            case "sleep":
                return self._chart.add("wait", f"sleep {short(first)}", ends)
            case "approve":
                return self._chart.add("wait", f"approve {short(first)}", ends)
            case "continue_as_new":
                self._chart.lead_back(self._chart.add("child", "begin anew", ends), self._start[0][0])
                return []
        return self._together(kind, call, first, scope, ends, frame)

    def _together(self, kind: str, call: ast.Call, steps: ast.expr, scope: Scope, ends: Ends, frame: _Frame) -> Ends:
        """Draw steps that run side by side as a group."""
        title = "the first of" if kind == "first" else "at the same time"
        if (width := keyword_of(call, "width")) is not None:
            title += f", {short(width)} at most"
        branches = list(branches_of(steps, scope))
        each = list(dict.fromkeys(loop for _, _, loop in branches if loop))
        group = self._chart.open(", ".join([title, *each]), ends)
        for step, inner, _ in branches:
            ends = self._step(step, inner, WITHIN_GROUP, _Frame(inner, is_branch=True))
            if decided := [(node, label) for node, label in ends if label]:
                self._chart.add("end", "done", decided)
        self._chart.close()
        return group

    def _part(self, name: str, call: ast.Call, scope: Scope, ends: Ends, frame: _Frame) -> Ends:
        """Draw a function of the module where it is used."""
        function = self._module.functions[name]
        inner = Scope(self._module, context_of(function))
        for parameter, argument in zip(function.args.args, call.args, strict=False):
            inner.bound[parameter.arg] = (argument, scope)
        for keyword in call.keywords:
            if keyword.arg:
                inner.bound[keyword.arg] = (keyword.value, scope)
        inner.bound.pop(inner.context, None)
        returns: Ends = []
        part = _Frame(inner, returns, frame.is_branch, attempts=[[]] if frame.attempts else [])
        self._active.append(name)
        if is_generator(function):
            returns += self._block(function.body, ends, part)
        else:
            returns += self._made(function.body, ends, part)
        self._active.pop()
        if frame.attempts:
            frame.attempts[-1].extend(part.attempts[0])
        return returns

    def _made(self, body: Sequence[ast.stmt], ends: Ends, frame: _Frame) -> Ends:
        """Draw a function that makes a step for others to wait for."""
        after: Ends = []
        for node in body:
            match node:
                case ast.If() if self._matters(node.body) or self._matters(node.orelse):
                    ((choice, _),) = self._chart.add("choice", short(node.test), ends)
                    after += self._made(node.body, [(choice, "yes")], frame)
                    ends = [(choice, "no")]
                    if node.orelse:
                        after += self._made(node.orelse, ends, frame)
                        return after
                case ast.Return(value=ast.expr() as value):
                    return after + self._step(value, frame.scope, ends, frame)
                case _:
                    self._note(node, frame)
        return after

    def _is_part(self, name: str) -> bool:
        function = self._module.functions.get(name)
        return function is not None and makes_steps(function)

    def _waits(self, node: ast.AST) -> bool:
        return any(isinstance(inner, ast.YieldFrom) for inner in ast.walk(node))

    def _matters(self, body: Sequence[ast.stmt], leaves: tuple[type[ast.stmt], ...] = _LEAVES) -> bool:
        """Say whether statements do something that is drawn."""
        inner = [one for statement in body for one in ast.walk(statement)]
        return any(isinstance(one, (ast.YieldFrom, *leaves)) for one in inner)
