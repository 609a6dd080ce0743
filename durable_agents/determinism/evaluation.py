"""Tells what an expression may stand for."""

import ast
import builtins
from collections.abc import Iterable, Iterator

from durable_agents.determinism.annotations import Annotations
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
    DurableAgent,
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
)

_COPIES = {f"builtins.{name}" for name in ("list", "tuple", "set", "frozenset", "sorted", "reversed", "iter", "filter")}
_APPS = ("AgentFunctionApp",)
_MAKING = {"model_validate", "model_validate_json", "model_construct"}


class Evaluator:
    """Follows names through assignments, imports, classes and calls; what it cannot follow is nothing to it."""

    def __init__(self, modules: Modules) -> None:
        self.modules = modules
        self.annotations = Annotations(self)
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
        if binding.how == "context":
            return frozenset({Context("typed" if binding.dotted == "typed" else "raw")})
        if binding.how == "get_agent":
            return frozenset({ContextMethod("raw", "get_agent")})
        if binding.how == "annotation":
            return self.annotations.instances(node, scope, is_data=binding.dotted == "data")
        values = self.evaluate(node, scope)
        if binding.how == "element":
            values = self._elements(values)
        for index in binding.path:
            values = self._item(values, index)
        return values

    def of_name(self, name: str, scope: Scope) -> Values:
        """Return what a name may stand for where it is used."""
        owner = scope.owner(name)
        if owner is not None:
            return frozenset().union(*map(self.of_binding, owner.names[name]))
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
                if name == "get_agent" and type_.endswith(_APPS):
                    return frozenset({ContextMethod("raw", name)})
                if name == "agents" and type_.endswith(_APPS):
                    return frozenset({Many((frozenset({OutsideObject("agent_framework.Agent")}),))})
                return self.attribute(Outside(type_), name)
            case ProjectModule(module=module):
                return self._of_module(module, name)
            case ProjectPackage(name=package):
                return self.imported(f"{package}.{name}")
            case Class():
                return self._of_class(value, name, None)
            case Object(type=owner_class):
                return self._of_class(owner_class, name, value)
            case Context(form=form):
                return frozenset({ContextMethod(form, name)})
            case Data() | DurableAgent():
                return DATA if isinstance(value, Data) else NOTHING
        return NOTHING

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
            return frozenset().union(*map(self.of_binding, scope.names[name]))
        if (inner := self.modules.find(f"{module.name}.{name}")) is not None:
            return frozenset({ProjectModule(inner)})
        return frozenset().union(*(self.imported(f"{base}.{name}") for base in scope.stars)) if scope.stars else NOTHING

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
                return self._item(self.evaluate(owner, scope), index)
            case ast.Subscript(value=owner, slice=key):
                return self._subscript(self.evaluate(owner, scope), key, scope)
            case ast.YieldFrom(value=value) | ast.Yield(value=ast.expr() as value):
                return self._awaited(node, value, scope)
            case ast.Lambda():
                return [Function(node, scope)]
            case ast.IfExp(body=body, orelse=orelse):
                return self.evaluate(body, scope) | self.evaluate(orelse, scope)
            case ast.BoolOp(values=values):
                return frozenset().union(*(self.evaluate(value, scope) for value in values))
            case ast.BinOp(left=left, right=right):
                return self._operation(self.evaluate(left, scope), self.evaluate(right, scope))
            case ast.NamedExpr(value=value) | ast.Await(value=value) | ast.Starred(value=value):
                return self.evaluate(value, scope)
            case ast.JoinedStr(values=parts):
                return self._joined(parts, scope)
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                return [Many(tuple(self._unpacked(elements, scope)))]
            case ast.Dict(keys=keys, values=values):
                return [self._dictionary(keys, values, scope)]
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
                    return self._of_dictionary(owners, method, node, scope)
        found: set[Value] = set()
        for function in self.evaluate(node.func, scope):
            found.update(self._called(function, node, scope))
        return found

    def _called(self, function: Value, node: ast.Call, scope: Scope) -> Iterable[Value]:
        match function:
            case Class():
                return [Object(function)]
            case Outside(name=name) if name.rpartition(".")[2] in _MAKING and isinstance(node.func, ast.Attribute):
                return [Object(one) for one in self.evaluate(node.func.value, scope) if isinstance(one, Class)]
            case Outside(name=name) if name.endswith(".model_copy") and isinstance(node.func, ast.Attribute):
                return [one for one in self.evaluate(node.func.value, scope) if isinstance(one, Object)]
            case Function():
                return self.returned(function)
            case ContextMethod():
                return self._step(function, node, scope)
            case Data():
                return DATA
            case Outside(name=name) if name in _COPIES and node.args:
                return self.evaluate(node.args[-1 if name == "builtins.filter" else 0], scope)
            case Outside(name="functools.partial") if node.args:
                return self.evaluate(node.args[0], scope)
            case Outside(name="builtins.getattr") if len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                rest = [self.evaluate(one, scope) for one in node.args[2:]]
                return self._attributes(self.evaluate(node.args[0], scope), str(node.args[1].value)).union(*rest)
            case Outside(name="builtins.enumerate") if node.args:
                return [Many((frozenset({Many((NOTHING, self._elements(self.evaluate(node.args[0], scope))))}),))]
            case Outside(name="builtins.zip"):
                pair = Many(tuple(self._elements(self.evaluate(one, scope)) for one in node.args))
                return [Many((frozenset({pair}),))]
            case Outside(name="builtins.next") if node.args:
                return self._elements(self.evaluate(node.args[0], scope))
            case Outside(name="builtins.str") if node.args:
                return [one for one in self.evaluate(node.args[0], scope) if isinstance(one, Text | Data)]
            case Outside(name=name) if name in RETURNS:
                return [OutsideObject(RETURNS[name])]
            case Outside(name=name):
                return [OutsideObject(name, node, scope)]
        return NOTHING

    def _step(self, method: ContextMethod, node: ast.Call, scope: Scope) -> Iterable[Value]:
        """Return what a method of the context gives."""
        given = [self.evaluate(one, scope) for one in node.args]
        keywords = {one.arg: self.evaluate(one.value, scope) for one in node.keywords if one.arg}
        match method:
            case ContextMethod(form="raw", name="get_agent"):
                return [DurableAgent()]
            case ContextMethod(form="raw", name="get_input"):
                return DATA
            case ContextMethod(form="typed", name="ask" | "wait_for" as name):
                place = 2 if name == "ask" else 1
                model = given[place] if len(given) > place else keywords.get("answer_model", keywords.get("model"))
                return [Step(self.annotations.made(model or NOTHING))]
            case ContextMethod(form="typed", name="call" | "run") if given:
                returned = [self.returned(one) for one in given[0] if isinstance(one, Function)]
                return [Step(self._as_data(frozenset().union(*returned)))]
            case ContextMethod(form="typed", name="all") if given:
                many = [one for one in given[0] if isinstance(one, Many)]
                return [Step(frozenset(Many(tuple(map(self._results, one.items))) for one in many))]
            case ContextMethod(form="typed", name="first"):
                return [Step(DATA)]
        return NOTHING

    def _as_data(self, values: Values) -> Values:
        unwrapped = [result for one in values for result in (one.result if isinstance(one, Step) else [one])]
        return frozenset(Object(one.type, True) if isinstance(one, Object) else one for one in unwrapped)

    def _results(self, values: Values) -> Values:
        return frozenset(result for one in values if isinstance(one, Step) for result in one.result)

    def _awaited(self, node: ast.AST, value: ast.expr, scope: Scope) -> Values:
        values = self.evaluate(value, scope)
        steps = [one for one in values if isinstance(one, Step)]
        if steps:
            return self._results(values)
        return DATA if isinstance(node, ast.Yield) else NOTHING

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
        results = frozenset().union(*(self.evaluate(one, scope) for one in returns))
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

    def _unpacked(self, elements: Iterable[ast.expr], scope: Scope) -> Iterator[Values]:
        for element in elements:
            values = self.evaluate(element, scope)
            if isinstance(element, ast.Starred):
                yield from (item for one in values if isinstance(one, Many) for item in one.items)
            else:
                yield values

    def _dictionary(self, keys: list[ast.expr | None], values: list[ast.expr], scope: Scope) -> Many:
        found_keys, found = [], []
        for key, value in zip(keys, values, strict=True):
            if key is None:
                merged = [one for one in self.evaluate(value, scope) if isinstance(one, Many) and one.keys is not None]
                found += [item for one in merged for item in one.items]
                found_keys += [item for one in merged for item in one.keys or ()]
            else:
                found.append(self.evaluate(value, scope))
                found_keys.append(self.evaluate(key, scope))
        return Many(tuple(found), tuple(found_keys))

    def _of_dictionary(self, owners: Values, method: str, node: ast.Call, scope: Scope) -> Iterable[Value]:
        if method == "copy":
            return owners
        many = [one for one in owners if isinstance(one, Many)]
        every = frozenset().union(*(one.every for one in many))
        keys = frozenset().union(*(key for one in many for key in one.keys or ()))
        if method == "get":
            return every.union(*(self.evaluate(one, scope) for one in node.args[1:]))
        return [Many(({"values": every, "keys": keys}.get(method, frozenset({Many((keys, every))})),))]

    def _elements(self, values: Values) -> Values:
        found: set[Value] = set()
        for one in values:
            if isinstance(one, Many):
                found |= one.every if one.keys is None else frozenset().union(*one.keys)
            elif isinstance(one, Data):
                found.add(one)
        return frozenset(found)

    def _item(self, values: Values, index: int) -> Values:
        found: set[Value] = set()
        for one in values:
            if isinstance(one, Many) and one.keys is None:
                exact = len(one.items) > 1 and -len(one.items) <= index < len(one.items)
                found |= one.items[index] if exact else one.every
            elif isinstance(one, Many):
                found |= one.every
            elif isinstance(one, Data):
                found.add(one)
        return frozenset(found)

    def _subscript(self, owners: Values, key: ast.expr, scope: Scope) -> Values:
        found: set[Value] = set()
        for one in owners:
            if isinstance(one, Many) and one.keys is not None:
                wanted = self.evaluate(key, scope)
                pairs = zip(one.keys, one.items, strict=True) if len(one.keys) == len(one.items) else ()
                exact = [item for name, item in pairs if isinstance(key, ast.Constant) and name == wanted]
                found |= exact[0] if exact else one.every
            elif isinstance(one, Many):
                found |= {one} if isinstance(key, ast.Slice) else one.every
            elif isinstance(one, Outside | Class | Data):
                found.add(one)
        return frozenset(found)

    def _operation(self, left: Values, right: Values) -> Iterable[Value]:
        if many := [one for one in (*left, *right) if isinstance(one, Many)]:
            return [Many(tuple(item for one in many for item in one.items))]
        if any(isinstance(one, OutsideObject) and one.type == "pathlib.Path" for one in left):
            return [OutsideObject("pathlib.Path")]
        return DATA if Data() in left | right else NOTHING

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
