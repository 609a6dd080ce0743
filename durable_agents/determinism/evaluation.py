"""Tells what an expression may stand for."""

import ast
import builtins
from collections.abc import Iterable, Iterator

from durable_agents.determinism.annotations import Annotations
from durable_agents.determinism.awaited import Awaited
from durable_agents.determinism.containers import Containers, combined, elements, item
from durable_agents.determinism.modules import Module, Modules
from durable_agents.determinism.outside import PROPERTIES, RETURNS
from durable_agents.determinism.scopes import Binding, Scope, within
from durable_agents.determinism.values import (
    DATA,
    NOTHING,
    Class,
    Context,
    ContextMethod,
    Data,
    Function,
    Many,
    Object,
    Outside,
    OutsideObject,
    ProjectModule,
    ProjectPackage,
    Step,
    Text,
    Value,
    Values,
    either,
)

_APPS = ("AgentFunctionApp",)
_OF_APPS: dict[str, Values] = {
    "get_agent": frozenset({ContextMethod("raw", "get_agent")}),
    "agents": frozenset({Many((frozenset({OutsideObject("agent_framework.Agent")}),))}),
}
_MAKING = {"model_validate", "model_validate_json", "model_construct"}


class Evaluator:
    """Follows names through assignments, imports, classes and calls; what it cannot follow is nothing to it."""

    def __init__(self, modules: Modules) -> None:
        self.modules = modules
        self.annotations = Annotations(self)
        self.containers, self.awaited = Containers(self), Awaited(self)
        self._scopes: dict[Module, Scope] = {}
        self._known: dict[tuple[ast.AST, Scope], Values] = {}
        self._under_way: set[tuple[ast.AST, Scope]] = set()
        self._circles = 0

    def scope_of(self, module: Module) -> Scope:
        """Return the scope of a module."""
        if module not in self._scopes:
            self._scopes[module] = Scope(module.tree, module, None)
        return self._scopes[module]

    def forget(self) -> None:
        """Forget what expressions stand for, for more is known of what functions are given."""
        self._known.clear()

    def evaluate(self, node: ast.AST, scope: Scope) -> Values:
        """Return what an expression may stand for."""
        key = (node, scope)
        if key in self._known:
            return self._known[key]
        if key in self._under_way:
            self._circles += 1
            return NOTHING
        self._under_way.add(key)
        circles = self._circles
        try:
            found = frozenset(self._evaluate(node, scope))
        finally:
            self._under_way.discard(key)
        if circles == self._circles or not self._under_way:
            # What was told in the middle of a circle is not all.
            self._known[key] = found
        return found

    def of_binding(self, binding: Binding) -> Values:
        """Return what a binding gives to its name."""
        node, scope = binding.node, binding.scope
        if binding.how == "import":
            return self.imported(binding.dotted)
        if binding.how == "definition":
            return frozenset({Class(node, scope) if isinstance(node, ast.ClassDef) else Function(node, scope)})  # type: ignore[arg-type]  # what a definition is
        if binding.how == "receiver":
            assert isinstance(node, ast.ClassDef) and scope.parent is not None
            return frozenset({Object(Class(node, scope.parent))})
        if binding.how == "known":
            return binding.values
        if binding.how == "annotation":
            return self.annotations.instances(node, scope)
        values = self.evaluate(node, scope)
        if binding.how == "element":
            values = elements(values)
        for index in binding.path:
            values = item(values, index)
        return values

    def of_name(self, name: str, scope: Scope) -> Values:
        """Return what a name may stand for where it is used."""
        owner = scope.owner(name)
        if owner is not None:
            return either(map(self.of_binding, owner.names[name]))
        root = self.scope_of(scope.module)
        for base in root.stars:
            if values := self.imported(f"{base}.{name}"):
                return values
        return frozenset({Outside(f"builtins.{name}")}) if hasattr(builtins, name) else NOTHING

    def imported(self, dotted: str) -> Values:
        """Return what `import` or `from ... import` of a full name gives."""
        module = self.modules.find(dotted)
        if module is not None:
            return frozenset({ProjectModule(module)})
        base, _, name = dotted.rpartition(".")
        if base and (module := self.modules.find(base)) is not None:
            return self._of_module(module, name)
        if self.modules.has_package(dotted):
            return frozenset({ProjectPackage(dotted)})
        return frozenset({Outside(dotted)})

    def attribute(self, value: Value, name: str) -> Values:
        """Return what an attribute of a value may be."""
        match value:
            case Outside(name=owner):
                full = f"{owner}.{name}"
                return frozenset({OutsideObject(PROPERTIES[full]) if full in PROPERTIES else Outside(full)})
            case OutsideObject(type=type_):
                known = _OF_APPS.get(name) if type_.endswith(_APPS) else None
                return known or self.attribute(Outside(type_), name)
            case ProjectModule(module=module):
                return self._of_module(module, name)
            case ProjectPackage(name=package):
                return self.imported(f"{package}.{name}")
            case Class():
                return self._of_class(value, name, None)
            case Object(fixed=fixed) if name in dict(fixed):
                return dict(fixed)[name]
            case Object(type=owner_class):
                return self._of_class(owner_class, name, value)
            case Context(form=form):
                return frozenset({ContextMethod(form, name)})
        return DATA if isinstance(value, Data) else NOTHING

    def bases(self, owner: Class) -> Iterator[Class]:
        """Yield a class of the project and those that it is made from, in about the order in which Python looks."""
        seen, waiting = set(), [owner]
        while waiting:
            one = waiting.pop(0)
            if one.node not in seen:
                seen.add(one.node)
                yield one
                for base in one.node.bases:
                    waiting += [value for value in self.evaluate(_plain(base), one.scope) if isinstance(value, Class)]

    def outside_bases(self, owner: Class) -> Iterator[str]:
        """Yield the names of the bases of a class that are no part of the project."""
        for base in owner.node.bases:
            yield from (one.name for one in self.evaluate(_plain(base), owner.scope) if isinstance(one, Outside))

    def _of_module(self, module: Module, name: str) -> Values:
        scope = self.scope_of(module)
        if name in scope.names:
            return either(map(self.of_binding, scope.names[name]))
        if (inner := self.modules.find(f"{module.name}.{name}")) is not None:
            return frozenset({ProjectModule(inner)})
        return either(self.imported(f"{base}.{name}") for base in scope.stars)

    def _of_class(self, owner: Class, name: str, instance: Object | None) -> Values:
        for one in self.bases(owner):
            inner = one.scope.inner(one.node)
            if bindings := inner.names.get(name):
                return frozenset(value for binding in bindings for value in self._of_member(binding, owner, instance))
        outside = next((base for one in self.bases(owner) for base in self.outside_bases(one)), None)
        return NOTHING if outside is None else frozenset({Outside(f"{outside}.{name}")})

    def _of_member(self, binding: Binding, owner: Class, instance: Object | None) -> Iterable[Value]:
        if binding.how == "annotation":
            is_data = instance is not None and instance.is_data
            return self.annotations.instances(binding.node, binding.scope, is_data=is_data, receiver=owner)
        values = self.of_binding(binding)
        return [Function(one.node, one.scope, owner) if isinstance(one, Function) else one for one in values]

    def _evaluate(self, node: ast.AST, scope: Scope) -> Iterable[Value]:
        match node:
            case ast.Constant(value=str(text)):
                return [Text(text)]
            case ast.Name(id=name):
                return self.of_name(name, scope)
            case ast.Attribute(value=owner, attr="__name__"):
                return [Text(name) for name in self.names_of(owner, scope)]
            case ast.Attribute(value=owner, attr=name):
                return self._attributes(self.evaluate(owner, scope), name)
            case ast.Call():
                return self._call(node, scope)
            case ast.Subscript(value=owner, slice=ast.Constant(value=int(index))):
                return item(self.evaluate(owner, scope), index)
            case ast.Subscript(value=owner, slice=key):
                return self.containers.subscript(self.evaluate(owner, scope), key, scope)
            case ast.YieldFrom(value=value) | ast.Yield(value=ast.expr() as value):
                return self.awaited.result(node, value, scope)
            case ast.Lambda():
                return [Function(node, scope)]
            case _:
                return self._evaluate_parts(node, scope)

    def _evaluate_parts(self, node: ast.AST, scope: Scope) -> Iterable[Value]:
        """Return what an expression may stand for that is put together from others."""
        match node:
            case ast.IfExp(body=body, orelse=orelse):
                return self.evaluate(body, scope) | self.evaluate(orelse, scope)
            case ast.BoolOp(values=values):
                return either(self.evaluate(value, scope) for value in values)
            case ast.BinOp(left=left, right=right):
                return combined(self.evaluate(left, scope), self.evaluate(right, scope))
            case ast.NamedExpr(value=value) | ast.Await(value=value) | ast.Starred(value=value):
                return self.evaluate(value, scope)
            case _:
                return self._evaluate_display(node, scope)

    def _evaluate_display(self, node: ast.AST, scope: Scope) -> Iterable[Value]:
        """Return what a text or a container that stands in the code may be."""
        match node:
            case ast.JoinedStr(values=parts):
                return self._joined(parts, scope)
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                return [Many(tuple(self.containers.unpacked(elements, scope)))]
            case ast.Dict(keys=keys, values=values):
                return [self.containers.dictionary(keys, values, scope)]
            case ast.DictComp(key=key, value=value):
                inner = scope.inner(node)
                return [Many((self.evaluate(value, inner),), (self.evaluate(key, inner),))]
            case ast.ListComp(elt=element) | ast.SetComp(elt=element) | ast.GeneratorExp(elt=element):
                return [Many((self.evaluate(element, scope.inner(node)),))]
        return NOTHING

    def _attributes(self, owners: Values, name: str) -> Values:
        found = (self.attribute(owner, name) for owner in owners)
        return frozenset(value for values in found for one in values for value in self._read(one))

    def _read(self, value: Value) -> Iterable[Value]:
        """Return what reading an attribute gives: of a property, what that returns."""
        if isinstance(value, Function) and is_property(value):
            return self.returned(value)
        return [value]

    def _call(self, node: ast.Call, scope: Scope) -> Iterable[Value]:
        match node:
            case ast.Call(func=ast.Attribute(value=owner, attr="get" | "values" | "items" | "keys" | "copy" as method)):
                owners = self.evaluate(owner, scope)
                if any(isinstance(one, Many) and one.keys is not None for one in owners):
                    return self.containers.of_dictionary(owners, method, node, scope)
        found: set[Value] = set()
        for function in self.evaluate(node.func, scope):
            found.update(self._called(function, node, scope))
        return found

    def _called(self, function: Value, node: ast.Call, scope: Scope) -> Iterable[Value]:
        match function:
            case Class():
                return [Object(function)]
            case Function():
                return self.returned(function)
            case ContextMethod():
                return self.awaited.step(function, node, scope)
            case Data():
                return DATA
            case Outside(name=name):
                return self._called_outside(name, node, scope)
        return NOTHING

    def _called_outside(self, name: str, node: ast.Call, scope: Scope) -> Iterable[Value]:
        """Return what a function gives that is no part of the project."""
        arguments = [self.evaluate(one, scope) for one in node.args]
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if owner is not None and name.rpartition(".")[2] in _MAKING:
            return [Object(one) for one in self.evaluate(owner, scope) if isinstance(one, Class)]
        if owner is not None and name.endswith(".model_copy"):
            return [one for one in self.evaluate(owner, scope) if isinstance(one, Object)]
        if not name.startswith("builtins.") and name != "functools.partial":
            return [OutsideObject(RETURNS[name]) if name in RETURNS else OutsideObject(name, node, scope)]
        return self._called_builtin(name.rpartition(".")[2], node, arguments, scope)

    def _called_builtin(self, name: str, node: ast.Call, arguments: list[Values], scope: Scope) -> Iterable[Value]:
        match name, arguments:
            case "filter", [_, given]:
                return given
            case (("list" | "tuple" | "set" | "frozenset" | "sorted" | "reversed" | "iter" | "partial"), [given, *_]):
                return given
            case "getattr", [owners, _, *rest] if isinstance(node.args[1], ast.Constant):
                return self._attributes(owners, str(node.args[1].value)) | either(rest)
            case "enumerate", [given, *_]:
                return [Many((frozenset({Many((NOTHING, elements(given)))}),))]
            case "zip", _:
                return [Many((frozenset({Many(tuple(map(elements, arguments)))}),))]
            case "next", [given, *_]:
                return elements(given)
            case "str", [given, *_]:
                return [one for one in given if isinstance(one, Text | Data)]
        return [OutsideObject(f"builtins.{name}", node, scope)]

    def returned(self, function: Function) -> Values:
        """Return what a call of a function gives: what its annotation says, or else what it returns."""
        node, scope = function.node, function.scope.inner(function.node)
        if isinstance(node, ast.Lambda):
            return self.evaluate(node.body, scope)
        values = NOTHING
        if node.returns is not None:
            values = self.annotations.instances(node.returns, function.scope, receiver=function.receiver)
        if any(isinstance(one, Object | Step | Context | Many) for one in values):
            return values
        returns = [one.value for one in within(node.body) if isinstance(one, ast.Return) and one.value is not None]
        results = either(self.evaluate(one, scope) for one in returns)
        if any(isinstance(one, ast.Yield | ast.YieldFrom) for one in within(node.body)):
            return frozenset({Step(results)})
        return results or values

    def names_of(self, node: ast.expr, scope: Scope) -> set[str]:
        """Return the names of the functions and classes that an expression may stand for."""
        values = self.evaluate(node, scope)
        return {
            one.name if isinstance(one, Function) else one.node.name
            for one in values
            if isinstance(one, Function | Class)
        }

    def _joined(self, parts: list[ast.expr], scope: Scope) -> Iterable[Value]:
        texts = [""]
        for part in parts:
            values = self.evaluate(part.value if isinstance(part, ast.FormattedValue) else part, scope)
            if Data() in values:
                return DATA
            if not values or not all(isinstance(one, Text) for one in values):
                return NOTHING
            texts = [begin + one.text for begin in texts for one in values if isinstance(one, Text)]
        return [Text(text) for text in texts]


def is_property(function: Function) -> bool:
    """Say whether a method runs where it is read."""
    decorators = [] if isinstance(function.node, ast.Lambda) else function.node.decorator_list
    names = [one.func if isinstance(one, ast.Call) else one for one in decorators]
    return any(
        (one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "")) in {"property", "cached_property"}
        for one in names
    )


def _plain(base: ast.expr) -> ast.expr:
    return base.value if isinstance(base, ast.Subscript) else base
