"""What the names in a piece of code stand for: where each was bound, without running anything."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from durable_agents.determinism.modules import Module

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

How: TypeAlias = Literal[
    "value", "element", "enter", "annotation", "import", "definition", "receiver", "augmented", "known"
]

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """One place where a name gets something: a value, an element of one, what an annotation says, an import, ...

    `path` is where it stands in a tuple that is unpacked. The `node` belongs to the `scope`. `values` are what a
    parameter is known to be given.
    """

    how: How
    node: ast.AST
    scope: "Scope"
    path: tuple[int, ...] = ()
    dotted: str = ""
    values: frozenset[Any] = frozenset()


class Scope:
    """The names of a module, class, function or comprehension; what is not in it is looked up outside of it."""

    def __init__(self, node: ast.AST, module: Module, parent: "Scope | None") -> None:
        self.node, self.module, self.parent = node, module, parent
        self.names: dict[str, list[Binding]] = {}
        self.stars: list[str] = []
        self.globals: set[str] = set()
        self._inner: dict[ast.AST, Scope] = {}
        if isinstance(node, COMPREHENSIONS):
            for generator in node.generators:
                self._bind_target(generator.target, generator.iter, "element")
        elif isinstance(node, FUNCTIONS):
            self._bind_parameters(node)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            self._bind_all(node.body)
        elif isinstance(node, ast.Lambda):
            self._bind_all([node.body])

    def inner(self, node: ast.AST) -> "Scope":
        """Return the scope of a function, class or comprehension that is in this one."""
        if node not in self._inner:
            self._inner[node] = Scope(node, self.module, self)
        return self._inner[node]

    def owner(self, name: str) -> "Scope | None":
        """Return the scope where a name that is used here is bound, or None if it is in none, as the built-in ones."""
        if name in self.names and name not in self.globals:
            return self
        scope = self.parent
        if name in self.globals:
            while scope is not None and scope.parent is not None:
                scope = scope.parent
        while scope is not None and isinstance(scope.node, ast.ClassDef):
            scope = scope.parent
        return None if scope is None else scope.owner(name)

    def bind(self, name: str, binding: Binding) -> None:
        """Add what a name may be."""
        self.names.setdefault(name, []).append(binding)

    def _bind_parameters(self, node: FunctionNode) -> None:
        parent = self.parent
        assert parent is not None
        given = node.args
        plain = [*given.posonlyargs, *given.args]
        for parameter in (*plain, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))):
            self.names.setdefault(parameter.arg, [])
            if parameter.annotation is not None and parameter not in (given.vararg, given.kwarg):
                self.bind(parameter.arg, Binding("annotation", parameter.annotation, parent))
        defaults = [*zip(reversed(plain), reversed(given.defaults), strict=False)]
        defaults += [
            (one, default) for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default
        ]
        for parameter, default in defaults:
            self.bind(parameter.arg, Binding("value", default, parent))
        if isinstance(parent.node, ast.ClassDef) and plain and not _has_decorator(node, "staticmethod"):
            self.bind(plain[0].arg, Binding("receiver", parent.node, parent))

    def _bind_all(self, body: Iterable[ast.AST]) -> None:
        for node in within(body):
            self._bind_node(node)

    def _bind_node(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind_target(target, value, "value")
            case ast.AnnAssign(target=target, annotation=annotation, value=value):
                self._bind_target(target, annotation, "annotation")
                if value is not None:
                    self._bind_target(target, value, "value")
            case ast.AugAssign(target=ast.Name(id=name), value=value):
                self.bind(name, Binding("augmented", value, self))
            case ast.NamedExpr(target=target, value=value):
                self._bind_target(target, value, "value")
            case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
                self._bind_target(target, value, "element")
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                self._bind_target(target, value, "enter")
            case _:
                self._bind_defined(node)

    def _bind_defined(self, node: ast.AST) -> None:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                self.bind(name, Binding("definition", node, self))
            case ast.Import(names=aliases):
                for alias in aliases:
                    dotted = alias.name if alias.asname else alias.name.partition(".")[0]
                    self.bind(alias.asname or dotted, Binding("import", node, self, dotted=dotted))
            case ast.ImportFrom(names=aliases):
                self._bind_imported(node, aliases)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                self.names.setdefault(name, [])
            case ast.Global(names=names):
                self.globals.update(names)

    def _bind_imported(self, node: ast.ImportFrom, aliases: list[ast.alias]) -> None:
        base = node.module or ""
        if node.level:
            package = self.module.package.split(".")
            base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
        for alias in aliases:
            if alias.name == "*":
                self.stars.append(base)
            else:
                self.bind(alias.asname or alias.name, Binding("import", node, self, dotted=f"{base}.{alias.name}"))

    def _bind_target(
        self,
        target: ast.expr,
        value: ast.AST,
        how: How,
        path: tuple[int, ...] = (),
    ) -> None:
        match target:
            case ast.Name(id=name):
                self.bind(name, Binding(how, value, self, path))
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for index, one in enumerate(targets):
                    self._bind_target(one, value, how, (*path, index))
            case ast.Starred(value=one):
                self._bind_target(one, value, how, (*path, -1))


def scoped(node: ast.AST, scope: Scope) -> Iterator[tuple[ast.AST, Scope]]:
    """Yield a node and all in it, functions and classes too, each with the scope that it stands in."""
    yield node, scope
    inner = scope.inner(node) if isinstance(node, (*FUNCTIONS, *COMPREHENSIONS, ast.ClassDef)) else scope
    for child in children(node):
        yield from scoped(child, inner)


def children(node: ast.AST) -> list[ast.AST]:
    """Return what a node consists of, without what has no parts itself: operators, and whether a name is read."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            found += [one for one in value if isinstance(one, ast.AST)]
        elif isinstance(value, ast.AST) and value._fields:
            found.append(value)
    return found


def within(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes of a body in their order, without what is inside of functions and classes in it."""
    waiting = list(body)[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            waiting.extend(reversed(children(node)))


def _has_decorator(node: FunctionNode, name: str) -> bool:
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return any(isinstance(one, ast.Name) and one.id == name for one in decorators)
