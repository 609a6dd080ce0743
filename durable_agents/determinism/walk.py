"""Goes through an orchestration and all that it calls in the project, and collects what is wrong."""

import ast
from collections.abc import Iterable
from dataclasses import replace

from durable_agents.determinism import rules
from durable_agents.determinism.construction import factories, methods_of_construction, validators
from durable_agents.determinism.durable_calls import NameUse, durable_call
from durable_agents.determinism.evaluation import Evaluator
from durable_agents.determinism.findings import Finding, Form, shown_path
from durable_agents.determinism.frame import Frame
from durable_agents.determinism.outside import is_of_the_frameworks, judge
from durable_agents.determinism.races import races_of
from durable_agents.determinism.rules import Rule
from durable_agents.determinism.scopes import COMPREHENSIONS, FUNCTIONS, Binding, Scope, children, within
from durable_agents.determinism.set_order import is_set, makes_steps
from durable_agents.determinism.shared_state import Place, SharedState, is_changing, is_container, root_of
from durable_agents.determinism.values import (
    Class,
    Context,
    ContextMethod,
    Fixed,
    Function,
    Object,
    Outside,
    OutsideObject,
    ProjectModule,
    ProjectPackage,
    Value,
    Values,
)

_CONSOLE = {rules.PRINT.code, rules.LOGGING.code}
_NAMED_ONLY = {Outside("builtins.isinstance"), Outside("builtins.issubclass")}
_CHANGING = {Outside("builtins.next"), Outside("builtins.setattr"), Outside("builtins.delattr")}
_TEXTS = {Outside("builtins.str"), Outside("builtins.repr"), Outside("builtins.format")}


class Walk:
    """Looks at orchestrations; `findings` has what is wrong, `names` what they call by name."""

    def __init__(self, evaluator: Evaluator, outer: "Walk | None" = None) -> None:
        self.evaluator = evaluator
        self.findings: set[Finding] = set()
        self.names: list[NameUse] = []
        self._state: SharedState = SharedState(evaluator) if outer is None else outer._state
        self._seen: set[tuple[ast.AST, bool]] = set()
        self._places: set[tuple[str, int, str]] = set()
        # What was found in how modules make what they hold; it is empty while that is looked at.
        self._made: dict[ast.AST, list[Finding]] = {} if outer is None else outer._made

    def start(self, function: Function, form: Form, fixed: Fixed = ()) -> None:
        """Look at an orchestration, or at a part of one that takes its context."""
        node, scope = function.node, function.scope.inner(function.node)
        parameters = [*node.args.posonlyargs, *node.args.args]
        frame = Frame(function.name, scope, form)
        if parameters:
            _know(scope, parameters[0].arg, frozenset({Context(form)}))
        for parameter in node.args.kwonlyargs:
            if parameter.arg == "get_agent":
                _know(scope, parameter.arg, frozenset({ContextMethod("raw", "get_agent")}))
        if form == "typed" and len(parameters) > 1 and (annotation := parameters[1].annotation) is not None:
            given = self.evaluator.annotations.instances(annotation, function.scope, is_data=True)
            models = [one for one in given if isinstance(one, Object)]
            for model in models:
                _know(scope, parameters[1].arg, frozenset({replace(model, fixed=fixed)}))
                self._validate(model.type, annotation, frame)
        self.evaluator.forget()
        self._follow(function, frame)

    def report(self, rule: Rule, node: ast.AST, frame: Frame, shown: str = "") -> None:
        """Note that a rule is broken here, once for each line."""
        if frame.module.excuses(node) or (frame.is_first_only and rule.code in _CONSOLE):
            return
        path, line = shown_path(frame.module.path), getattr(node, "lineno", 1)
        if (path, line, rule.code) not in self._places:
            self._places.add((path, line, rule.code))
            what = f"{shown or _short(node)} in `{frame.name}`{frame.trail} {rule.why}"
            self.findings.add(Finding(path, line, rule.code, what, rule.fix(frame.form)))

    # Functions and classes, as they are reached.

    def _follow(self, function: Function, frame: Frame) -> None:
        """Look at a function, once; `frame` is its own."""
        node, first_only = function.node, frame.is_first_only
        if {(node, first_only), (node, False)} & self._seen or _says_why(function):
            return
        self._seen.add((node, first_only))
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self._visit(default, function.scope, frame)
        for default in self._state.kept_defaults(function):
            self.report(rules.STATE, default, frame)
        if isinstance(node, ast.Lambda):
            return self._visit(node.body, frame.scope, frame)
        if isinstance(node, ast.AsyncFunctionDef):
            self.report(rules.ASYNCIO, node, frame, "`async def`")
        for decorator in node.decorator_list:
            self._decorated(decorator, function.scope, frame)
        self._visit_all(node.body, frame.scope, frame)
        for rule, place in races_of(node, frame.scope, self.evaluator):
            self.report(rule, place, frame)

    def _follow_from(self, function: Function, node: ast.AST, frame: Frame) -> None:
        """Look at a function that is used here, unless it stands here: then it is looked at anyway."""
        if not frame.owns(function.scope) and not frame.module.excuses(node):
            self._follow(function, frame.call(function.name, function.scope.inner(function.node), node))

    def _decorated(self, decorator: ast.expr, scope: Scope, frame: Frame) -> None:
        """Look at what a decorator of the project puts around a function; its own body runs once, at import."""
        called = decorator
        if isinstance(decorator, ast.Call):
            called = decorator.func
            self._visit_all([*decorator.args, *(one.value for one in decorator.keywords)], scope, frame)
        for value in self.evaluator.evaluate(called, scope):
            if isinstance(value, Function) and not isinstance(value.node, ast.Lambda):
                self._follow_inner(value, decorator, frame)

    def _follow_inner(self, decorator: Function, node: ast.AST, frame: Frame) -> None:
        inner = decorator.scope.inner(decorator.node)
        assert not isinstance(decorator.node, ast.Lambda)
        for one in within(decorator.node.body):
            if isinstance(one, FUNCTIONS):
                self._follow_from(Function(one, inner), node, frame)

    def _construct(self, owner: Class, call: ast.Call, frame: Frame) -> None:
        """Look at what runs when an object is made."""
        for one in self.evaluator.bases(owner):
            if any(name.startswith("pydantic_settings.") for name in self.evaluator.outside_bases(one)):
                self.report(rules.ENVIRONMENT, call, frame)
            for method in methods_of_construction(one):
                self._follow_from(method, call, frame)
            inner = one.scope.inner(one.node)
            for expression, is_called in factories(one, call):
                at = frame.call(one.node.name, inner, call)
                if is_called:
                    self._mention(expression, inner, at, None)
                else:
                    self._made_before(expression, inner, expression, at)
        self._validate(owner, call, frame)

    def _validate(self, owner: Class, node: ast.AST, frame: Frame) -> None:
        """Look at what runs when a model reads its input."""
        for one in self.evaluator.bases(owner):
            for method in validators(one, self.evaluator):
                self._follow_from(method, node, frame)

    # What stands in a function.

    def _visit(self, node: ast.AST, scope: Scope, frame: Frame) -> None:
        match node:
            case ast.Name(ctx=ast.Load()) | ast.Attribute(ctx=ast.Load()):
                self._mention(node, scope, frame, None)
            case ast.Call():
                self._visit_call(node, scope, frame)
            case ast.If(test=test, body=body, orelse=orelse):
                self._visit(test, scope, frame)
                for part, is_first in zip((body, orelse), _first_only(test), strict=True):
                    self._visit_all(part, scope, replace(frame, is_first_only=True) if is_first else frame)
            case ast.ExceptHandler(body=body):
                self._visit_all(body, scope, frame)
            case ast.Assign() | ast.AugAssign() | ast.AnnAssign() | ast.Delete():
                self._visit_change(node, scope, frame)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                name = frame.name if isinstance(node, ast.Lambda) else node.name
                self._follow(Function(node, scope), replace(frame, name=name, scope=scope.inner(node)))
            case ast.ClassDef(body=body):
                self._visit_all(body, scope.inner(node), frame)
            case _:
                inner = scope.inner(node) if isinstance(node, COMPREHENSIONS) else scope
                self._visit_special(node, inner, frame)
                self._visit_all(children(node), inner, frame)

    def _visit_special(self, node: ast.AST, scope: Scope, frame: Frame) -> None:
        """Look at what runs although nobody calls it, and at the order of loops."""
        match node:
            case ast.withitem(context_expr=given):
                self._used_as(given, ("__enter__", "__exit__"), scope, frame)
            case ast.FormattedValue(value=given):
                self._used_as(given, ("__format__", "__str__", "__repr__"), scope, frame)
            case ast.Await() | ast.AsyncFor() | ast.AsyncWith() | ast.comprehension(is_async=1):
                self.report(rules.ASYNCIO, node, frame)
            case ast.For(iter=iterated, body=body):
                self._in_order([iterated], body, scope, frame)
            case _ if isinstance(node, COMPREHENSIONS):
                self._in_order([one.iter for one in node.generators], [node], scope, frame)

    def _visit_all(self, nodes: Iterable[ast.AST], scope: Scope, frame: Frame) -> None:
        for node in nodes:
            self._visit(node, scope, frame)

    def _visit_call(self, node: ast.Call, scope: Scope, frame: Frame) -> None:
        functions = self.evaluator.evaluate(node.func, scope)
        self._mention(node.func, scope, frame, node)
        arguments = [*node.args, *(one.value for one in node.keywords)]
        if functions & _NAMED_ONLY:
            arguments = arguments[:1]
        if Outside("builtins.getattr") in functions:
            for value in self.evaluator.evaluate(node, scope):
                self._used(value, node, scope, frame, None)
        if functions & _CHANGING and node.args:
            self._changed(node, node.args[0], scope, frame)
        if functions & _TEXTS and node.args:
            self._used_as(node.args[0], ("__str__", "__repr__"), scope, frame)
        for method in functions:
            if isinstance(method, ContextMethod):
                arguments = self._durable(method, node, arguments, scope, frame)
        self._visit_all(arguments, scope, frame)

    def _durable(
        self, method: ContextMethod, node: ast.Call, arguments: list[ast.expr], scope: Scope, frame: Frame
    ) -> list[ast.expr]:
        """Note what a method of the context calls by name, and return what else it is given."""
        if use := durable_call(method, node, scope, frame):
            self.names.append(use)
            arguments = [one for one in arguments if one is not use.given]
        for model in (value for one in arguments for value in self.evaluator.evaluate(one, scope)):
            if isinstance(model, Class):
                self._validate(model, node, frame)
        return arguments

    def _visit_change(
        self, node: ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete, scope: Scope, frame: Frame
    ) -> None:
        targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
        value = None if isinstance(node, ast.Delete) else node.value
        self._visit_all([*targets, *([] if value is None else [value])], scope, frame)
        for target in targets:
            for one in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
                if isinstance(one, ast.Attribute | ast.Subscript):
                    self._changed(one, one.value, scope, frame)
                elif isinstance(one, ast.Name) and one.id in scope.globals:
                    self.report(rules.STATE, one, frame)

    # What names stand for.

    def _mention(self, node: ast.AST, scope: Scope, frame: Frame, call: ast.Call | None) -> None:
        """Look at what stands here; `call` is the call of it, if it is called."""
        match node:
            case ast.Attribute():
                self._mention_attribute(node, scope, frame, call)
            case ast.Name(id=name):
                is_local = frame.owns(scope.owner(name))
                for value in self.evaluator.of_name(name, scope):
                    # What is bound here was looked at there, but for the call.
                    if not is_local or (call is not None and not _is_refused(value)):
                        self._used(value, node, scope, frame, call)
                if not is_local and (place := self._state.place_of(node, scope)):
                    self._kept(place, node, frame)
            case _:
                if call is not None:
                    for value in self.evaluator.evaluate(node, scope):
                        if not _is_refused(value):
                            self._used(value, call, scope, frame, call)
                self._visit(node, scope, frame)

    def _mention_attribute(self, node: ast.Attribute, scope: Scope, frame: Frame, call: ast.Call | None) -> None:
        owners = self.evaluator.evaluate(node.value, scope)
        is_local = self._is_local(node.value, scope, frame)
        for owner in owners:
            if isinstance(owner, ProjectModule):
                self._kept(Place(self.evaluator.scope_of(owner.module), node.attr), node, frame)
            if is_local and (_is_refused(owner) or _is_unknown_object(owner)):
                continue  # it was looked at where it comes from
            for value in self.evaluator.attribute(owner, node.attr):
                self._used(value, node, scope, frame, call)
                if call is not None and not is_local and self._changes_itself(owner, value):
                    self.report(rules.STATE, call, frame)
        if call is not None and is_changing(node.attr) and is_container(owners):
            self._changed(call, node.value, scope, frame)
        if not _is_dotted(node.value) or not owners or not all(map(_is_place, owners)):
            self._visit(node.value, scope, frame)

    def _used(self, value: Value, node: ast.expr, scope: Scope, frame: Frame, call: ast.Call | None) -> None:
        match value:
            case Outside(name="random.Random") if call is not None and call.args:
                return
            case Outside(name=name):
                rule = judge(name)
                if (
                    rule is not None
                    and (call is not None or not rule.only_called)
                    and not self._is_excused(node, scope)
                ):
                    self.report(rule, node if call is None else call, frame)
            case Function():
                if call is not None:
                    self._give(value, call, scope)
                self._follow_from(value, node, frame)
            case Class() if call is not None and not frame.module.excuses(call):
                self._construct(value, call, frame)
            case Object() if call is not None:
                for method in self.evaluator.attribute(value, "__call__"):
                    self._used(method, node, scope, frame, call)

    def _used_as(self, node: ast.expr, methods: tuple[str, ...], scope: Scope, frame: Frame) -> None:
        """Look at the methods that an object of the project has for this."""
        for value in self.evaluator.evaluate(node, scope):
            found = [self.evaluator.attribute(value, name) for name in methods if isinstance(value, Object)]
            for method in (one for values in found for one in values if isinstance(one, Function)):
                self._follow_from(method, node, frame)

    def _give(self, function: Function, call: ast.Call, scope: Scope) -> None:
        """Note what a function is given, for what it calls with that."""
        inner, given = function.scope.inner(function.node), function.node.args
        parameters = [one.arg for one in (*given.posonlyargs, *given.args)]
        if function.receiver is not None and isinstance(call.func, ast.Attribute):
            parameters = parameters[1:]
        pairs = [*zip(parameters, call.args, strict=False)]
        pairs += [(one.arg, one.value) for one in call.keywords if one.arg in inner.names]
        for name, value in pairs:
            known = inner.names[name]
            if not any(one.how == "known" or one.node is value for one in known):
                inner.bind(name, Binding("value", value, scope))

    # What outlives a turn.

    def _kept(self, place: Place, node: ast.expr, frame: Frame) -> None:
        """Look at what a module holds: it may be changed by others, or have been made of a clock."""
        if self._state.is_changed_somewhere(place):
            self.report(rules.STATE, node, frame)
        for binding in place.bindings:
            if binding.how in {"value", "element", "enter"}:
                self._made_before(binding.node, binding.scope, node, frame)

    def _made_before(self, made: ast.AST, scope: Scope, node: ast.AST, frame: Frame) -> None:
        """Look at how something was made that each process makes once, when it imports the module."""
        if isinstance(made, ast.Name | ast.Attribute | ast.Lambda | ast.Constant):
            return  # an alias is looked at as what it stands for
        values = self.evaluator.evaluate(made, scope)
        if any(isinstance(one, OutsideObject) and is_of_the_frameworks(one.type) for one in values):
            return
        if made not in self._made:
            self._made[made] = []
            making, inner = Walk(self.evaluator, self), scope.inner(ast.Expression(body=made))  # type: ignore[arg-type]  # what is bound to a name is one
            making._visit(made, inner, Frame("", inner, frame.form, is_first_only=True))
            self._made[made] = sorted(making.findings)
        for found in self._made[made]:
            if found.code in _DIFFER:
                shown = f"{_short(node)}, which {found.what.partition(' in `')[0]} makes at {found.path}:{found.line},"
                self.report(_DIFFER[found.code], node, frame, shown)

    def _changed(self, node: ast.AST, target: ast.expr, scope: Scope, frame: Frame) -> None:
        """Refuse to change what is not the function's own."""
        root = root_of(target)
        owner = scope.owner(root.id) if isinstance(root, ast.Name) else None
        if owner is not None and not frame.owns(owner) and not self._is_excused(root, scope):
            self.report(rules.STATE, node, frame)

    def _changes_itself(self, owner: Value, method: Value) -> bool:
        return isinstance(owner, Object) and isinstance(method, Function) and self._state.changes_itself(method)

    def _in_order(self, iterated: list[ast.expr], body: Iterable[ast.AST], scope: Scope, frame: Frame) -> None:
        """Refuse to make steps in the order of a set."""
        steps = any(makes_steps(node, scope, self.evaluator) for node in body)
        for one in iterated:
            if steps and is_set(one, scope, self.evaluator):
                self.report(rules.ORDER, one, frame)

    def _is_local(self, node: ast.AST, scope: Scope, frame: Frame) -> bool:
        root = root_of(node)
        return frame.owns(scope.owner(root.id)) if isinstance(root, ast.Name) else True

    def _is_excused(self, node: ast.AST, scope: Scope, depth: int = 0) -> bool:
        """Say whether the line where this comes from says why it is right."""
        while not isinstance(node, ast.Name):
            inner = node.func if isinstance(node, ast.Call) else root_of(node)
            if inner is node:
                return False
            node = inner
        owner = scope.owner(node.id)
        for one in [] if owner is None else owner.names[node.id]:
            if one.how in {"import", "value"} and one.scope.module.excuses(one.node):
                return True
            is_made = depth < 8 and one.how == "value" and isinstance(one.node, ast.Call)
            if is_made and self._is_excused(one.node, one.scope, depth + 1):
                return True
        return False


_DIFFER = {
    rule.code: rule
    for rule in (
        rules.CLOCK,
        rules.RANDOM,
        rules.UUID,
        rules.ENVIRONMENT,
        rules.FILES,
        rules.NETWORK,
        rules.PROCESS,
        rules.THREADS,
    )
}


def _know(scope: Scope, parameter: str, values: Values) -> None:
    scope.names[parameter] = [Binding("known", scope.node, scope, values=values)]


def _says_why(function: Function) -> bool:
    """Say whether the lines that a function begins with say why all of it is right."""
    node, reasons = function.node, function.scope.module.reasons
    if isinstance(node, ast.Lambda):
        return False
    return any(reasons.get(line) for line in range(node.lineno, node.body[0].lineno))


def _is_dotted(node: ast.AST) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def _is_place(value: Value) -> bool:
    return isinstance(value, Outside | ProjectModule | ProjectPackage | Class)


def _is_refused(value: Value) -> bool:
    name = value.name if isinstance(value, Outside) else value.type if isinstance(value, OutsideObject) else None
    rule = None if name is None else judge(name)
    return rule is not None and not rule.only_called


def _is_unknown_object(value: Value) -> bool:
    return isinstance(value, OutsideObject) and judge(value.type) is not None


def _first_only(test: ast.expr) -> tuple[bool, bool]:
    """Say whether the body, and the other branch, of an `if` run only where nothing is replayed."""
    match test:
        case ast.BoolOp(op=ast.And(), values=values):
            return any(_first_only(one)[0] for one in values), False
        case ast.UnaryOp(op=ast.Not(), operand=ast.Attribute(attr="is_replaying")):
            return True, False
        case ast.Attribute(attr="is_replaying"):
            return False, True
    return False, False


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return f"`{text}`" if len(text) <= 60 else f"`{text[:57]}...`"
