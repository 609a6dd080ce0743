"""Tells from the sources of an app what it registers, and which of its functions are orchestrations."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from durable_agents.determinism.durable_calls import Registered, registered_name
from durable_agents.determinism.evaluation import Evaluator
from durable_agents.determinism.findings import Form
from durable_agents.determinism.modules import Module
from durable_agents.determinism.scopes import Scope, scoped
from durable_agents.determinism.values import (
    Context,
    Fixed,
    Function,
    Many,
    Outside,
    OutsideObject,
    Text,
    Value,
    Values,
    either,
)

# What an `AgentFunctionApp` registers of its own.
_OWN_ACTIVITIES = ("notify_reviewer", "deliver_webhook", "record_decision")
_TRIGGERS = {"activity_trigger": "activity", "orchestration_trigger": "orchestration", "entity_trigger": "entity"}
_GENERIC = {"activityTrigger": "activity", "orchestrationTrigger": "orchestration", "entityTrigger": "entity"}
_APPS = ("AgentFunctionApp", "DFApp")


@dataclass(slots=True)
class _Names:
    names: set[str] = field(default_factory=set)
    is_open: bool = False

    def closed(self) -> frozenset[str] | None:
        """Return the names, or None if there are others."""
        return None if self.is_open else frozenset(name.casefold() for name in self.names)


class Registrations:
    """What the modules of an app register; `orchestrations` are the functions among that."""

    def __init__(self, modules: Iterable[Module], evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._found = {kind: _Names() for kind in ("activity", "agent", "orchestration", "entity")}
        self._found["activity"].names.update(_OWN_ACTIVITIES)
        self._orchestrations: dict[ast.AST, tuple[Function, Form]] = {}
        self._fixed: dict[ast.AST, Fixed] = {}
        self._has_app = False
        for module in modules:
            root = evaluator.scope_of(module)
            for node, scope in scoped(module.tree, root):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    self._read_function(node, scope)
                elif isinstance(node, ast.Call):
                    self._read_call(node, scope)

    @property
    def orchestrations(self) -> list[tuple[Function, Form, Fixed]]:
        """The orchestrations, and functions that take the context of one."""
        return [(*one, self._fixed.get(node, ())) for node, one in self._orchestrations.items()]

    @property
    def registered(self) -> Registered:
        """The names. Without an app nobody knows what is registered."""
        if not self._has_app:
            return Registered()
        closed = {kind: names.closed() for kind, names in self._found.items()}
        return Registered(closed["activity"], closed["agent"], closed["orchestration"], closed["entity"])

    def _read_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        function = Function(node, scope)
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute):
                self._decorated(decorator, function)
        first = [*node.args.posonlyargs, *node.args.args][:1]
        if first and first[0].annotation is not None:
            for value in self._evaluator.annotations.instances(first[0].annotation, scope):
                if isinstance(value, Context):
                    self._orchestrations[node] = (function, value.form)

    def _decorated(self, decorator: ast.Call, function: Function) -> None:
        assert isinstance(decorator.func, ast.Attribute)
        kind = _TRIGGERS.get(decorator.func.attr)
        if kind is not None:
            self._found[kind].names |= {function.name, registered_name(function)}
            if kind == "orchestration":
                self._add(function)

    def _read_call(self, node: ast.Call, scope: Scope) -> None:
        if isinstance(node.func, ast.Call) and isinstance(node.func.func, ast.Attribute):
            self._read_applied(node, node.func, node.func.func.attr, scope)
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "add_activity" and node.args:
            self._register("activity", node.args[0], scope)
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "add_agent":
            agents = [*node.args[:1], *(one.value for one in node.keywords if one.arg == "agent")]
            self._agents(either(self._evaluator.evaluate(one, scope) for one in agents))
        else:
            names = {one.name for one in self._evaluator.evaluate(node.func, scope) if isinstance(one, Outside)}
            if any(name.endswith(_APPS) for name in names):
                self._read_app(node, scope)
            elif any(name.startswith("durable_agents.") and name.endswith(".Orchestration") for name in names):
                self._orchestration(node, scope)
            elif any(name.endswith(".Orchestrator.create") for name in names) and node.args:
                self._register("orchestration", node.args[0], scope)

    def _read_applied(self, node: ast.Call, trigger: ast.Call, method: str, scope: Scope) -> None:
        """Read `app.activity_trigger(...)(function)`."""
        given = {one.arg: one.value for one in trigger.keywords}
        kind = _TRIGGERS.get(method)
        if method == "generic_trigger" and isinstance(type_ := given.get("type"), ast.Constant):
            kind = _GENERIC.get(str(type_.value))
        if kind is None or not node.args:
            return
        named = [given[one] for one in ("activity", "orchestration", "entity_name", "entityName") if one in given]
        for one in named:
            self._add_texts(kind, self._evaluator.evaluate(one, scope))
        if not named:
            self._register(kind, node.args[0], scope)

    def _read_app(self, node: ast.Call, scope: Scope) -> None:
        self._has_app = True
        if any(one.arg is None for one in node.keywords):
            self._found["agent"].is_open = True
        given = {one.arg: one.value for one in node.keywords}
        if node.args:
            given.setdefault("agents", node.args[0])
        if "agents" in given:
            self._agents_in(self._evaluator.evaluate(given["agents"], scope))
        if "workflow" in given or "workflows" in given:
            self._found["orchestration"].is_open = True
        if "orchestrations" in given:
            many = self._evaluator.evaluate(given["orchestrations"], scope)
            if not any(isinstance(one, Many) for one in many):
                self._found["orchestration"].is_open = True
            for value in either(one.every for one in many if isinstance(one, Many)):
                if isinstance(value, Function):
                    self._add(value)
                    self._found["orchestration"].names.add(value.name)

    def _orchestration(self, node: ast.Call, scope: Scope) -> None:
        given = {one.arg: one.value for one in node.keywords}
        function = node.args[0] if node.args else given.get("function")
        if function is not None:
            self._register("orchestration", function, scope)
            if "fixed" in given:
                for one in self._evaluator.evaluate(function, scope):
                    if isinstance(one, Function):
                        self._fixed[one.node] = self._read_fixed(self._evaluator.evaluate(given["fixed"], scope))
        if "registered_name" in given:
            self._add_texts("orchestration", self._evaluator.evaluate(given["registered_name"], scope))

    def _read_fixed(self, values: Values) -> Fixed:
        many = [one for one in values if isinstance(one, Many) and one.keys is not None]
        pairs = [pair for one in many for pair in zip(one.keys or (), one.items, strict=False)]
        return tuple((name.text, item) for names, item in pairs for name in names if isinstance(name, Text))

    def _register(self, kind: str, given: ast.expr, scope: Scope) -> None:
        functions = [one for one in self._evaluator.evaluate(given, scope) if isinstance(one, Function)]
        if not functions:
            self._found[kind].is_open = True
        for function in functions:
            self._found[kind].names.add(function.name)
            if kind == "orchestration":
                self._add(function)

    def _add(self, function: Function) -> None:
        """Keep an orchestration; its first parameter says its form, and without an annotation it is a raw one."""
        node = function.node
        parameters = [*node.args.posonlyargs, *node.args.args]
        values: Values = frozenset()
        if parameters and parameters[0].annotation is not None:
            values = self._evaluator.annotations.instances(parameters[0].annotation, function.scope)
        forms: list[Form] = [one.form for one in values if isinstance(one, Context)]
        self._orchestrations.setdefault(node, (function, forms[0] if forms else "raw"))

    def _add_texts(self, kind: str, values: Values) -> None:
        texts = {one.text for one in values if isinstance(one, Text)}
        self._found[kind].names |= texts
        if not texts:
            self._found[kind].is_open = True

    def _agents_in(self, values: Values) -> None:
        many = [one for one in values if isinstance(one, Many)]
        if not many:
            self._found["agent"].is_open = True
        for one in many:
            for item in one.items:
                self._agents(item)

    def _agents(self, values: Values) -> None:
        if not values:
            self._found["agent"].is_open = True
        for value in values:
            self._agent(value)

    def _agent(self, value: Value) -> None:
        names: Values = frozenset()
        if isinstance(value, OutsideObject) and value.call is not None and value.scope is not None:
            for one in value.call.keywords:
                if one.arg == "name":
                    names = self._evaluator.evaluate(one.value, value.scope)
        self._add_texts("agent", names)
