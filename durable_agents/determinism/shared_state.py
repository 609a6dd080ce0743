"""State that the runs and replays of a process share: what a module or a class holds, and what changes it."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from durable_agents.determinism.evaluation import Evaluator
from durable_agents.determinism.modules import Module
from durable_agents.determinism.scopes import FUNCTIONS, Binding, Scope, scoped, within
from durable_agents.determinism.values import Function, Many, OutsideObject, Values

_METHODS_THAT_CHANGE = """
    add append appendleft clear difference_update discard extend extendleft insert intersection_update pop popitem
    popleft remove reverse rotate setdefault sort subtract symmetric_difference_update update __setitem__ __delitem__"""
_CHANGING = frozenset(_METHODS_THAT_CHANGE.split())
_CONTAINERS = ("builtins.list", "builtins.dict", "builtins.set", "builtins.bytearray", "collections.")
_KEPT = {"value", "element", "enter", "annotation", "augmented"}


@dataclass(frozen=True, slots=True)
class Place:
    """A name of a module, and what was given to it there."""

    scope: Scope
    name: str

    @property
    def bindings(self) -> list[Binding]:
        """Where it got what it holds."""
        return [one for one in self.scope.names.get(self.name, []) if one.how in _KEPT]


class SharedState:
    """Knows what modules hold, and whether any function changes it."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._changed: dict[Module, set[str]] = {}

    def place_of(self, node: ast.Name, scope: Scope) -> Place | None:
        """Return the place in a module, also in another one, that a name stands for, or None if it holds nothing."""
        owner = scope.owner(node.id)
        if owner is None:
            return None
        imports = [one for one in owner.names[node.id] if one.how == "import"]
        place = self._imported(imports[0].dotted) if imports else Place(owner, node.id)
        return place if place is not None and place.bindings else None

    def _imported(self, dotted: str) -> Place | None:
        base, _, name = dotted.rpartition(".")
        module = self._evaluator.modules.find(base) if base else None
        return None if module is None else Place(self._evaluator.scope_of(module), name)

    def is_changed_somewhere(self, place: Place) -> bool:
        """Say whether a function of its module changes what is held there."""
        module = place.scope.module
        if b"global " not in module.source and all(isinstance(one.node, ast.Constant) for one in place.bindings):
            return False
        if module not in self._changed:
            root = self._evaluator.scope_of(module)
            self._changed[module] = set(_changed_in(root))
        return place.scope.parent is None and place.name in self._changed[module]

    def changes_itself(self, method: Function) -> bool:
        """Say whether a method changes the object that it is called on."""
        node = method.node
        if isinstance(node, ast.Lambda) or not node.args.args:
            return False
        own = node.args.args[0].arg
        return any(root.id == own for root, _ in _changes(method.scope.inner(node), own_too=True))

    def kept_defaults(self, function: Function) -> Iterable[ast.expr]:
        """Yield the defaults of parameters that keep what one call puts into them for the next."""
        given = function.node.args
        plain = [*given.posonlyargs, *given.args]
        pairs = [*zip(plain[len(plain) - len(given.defaults) :], given.defaults, strict=True)]
        pairs += [(one, value) for one, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if value]
        mutable = {
            one.arg: value for one, value in pairs if isinstance(value, ast.List | ast.Dict | ast.Set | ast.Call)
        }
        if mutable:
            inner = function.scope.inner(function.node)
            names = {root.id for root, _ in _changes(inner, own_too=True)}
            yield from (value for name, value in mutable.items() if name in names)


def is_container(values: Values) -> bool:
    """Say whether something may be a list, a dictionary or the like."""
    return any(
        isinstance(one, Many) or (isinstance(one, OutsideObject) and one.type.startswith(_CONTAINERS)) for one in values
    )


def is_changing(method: str) -> bool:
    """Say whether a method of this name changes the list or dictionary that it is called on."""
    return method in _CHANGING


def root_of(node: ast.AST) -> ast.AST:
    """Return what an attribute or an element is of, in the end: `X` of `X.a["b"]`."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node


def _changed_in(root: Scope) -> Iterable[str]:
    """Yield the names of a module that functions in it change."""
    for node, scope in scoped(root.node, root):
        if isinstance(node, FUNCTIONS):
            inner = scope.inner(node)
            body = [node.body] if isinstance(node, ast.Lambda) else node.body
            stored = {one.id for one in within(body) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
            yield from inner.globals & stored
            yield from (name.id for name, where in _changes(inner) if where.owner(name.id) is root)


def _changes(inner: Scope, *, own_too: bool = False) -> Iterable[tuple[ast.Name, Scope]]:
    """Yield the names whose lists, elements or attributes a function changes."""
    node = inner.node
    assert isinstance(node, FUNCTIONS)
    for one in within([node.body] if isinstance(node, ast.Lambda) else node.body):
        root: ast.AST | None = None
        match one:
            case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in _CHANGING:
                root = root_of(owner)
            case ast.Call(func=ast.Name(id="next"), args=[owner, *_]):
                root = root_of(owner)
            case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                root = root_of(one)
            case ast.AugAssign(target=ast.Name() as owner) if own_too:
                continue
        if isinstance(root, ast.Name) and (own_too or inner.owner(root.id) is not inner):
            yield root, inner
