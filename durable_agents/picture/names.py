"""What the names in an orchestration stand for, read from the source alone: nothing of the app is imported."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


class Module:
    """A module of the app: its functions, the constants at its top, and what it imports from the folder of the app."""

    def __init__(self, file: Path, root: Path) -> None:
        self._root = root
        self.functions: dict[str, ast.FunctionDef] = {}
        self.constants: dict[str, ast.expr] = {}
        # The local name of each import: the module it is from, and its name there.
        self.imports: dict[str, tuple[str, str]] = {}
        for node in ast.parse(file.read_text(encoding="utf-8"), str(file)).body:
            match node:
                case ast.FunctionDef():
                    self.functions[node.name] = node
                case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)) if node.value:
                    self.constants[name] = node.value
                case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                    self.constants |= {
                        name.id: value for name, value in zip(names, values, strict=False) if isinstance(name, ast.Name)
                    }
                case ast.ImportFrom(module=str(origin)):
                    self.imports |= {alias.asname or alias.name: (origin, alias.name) for alias in node.names}

    def imported(self, name: str) -> "Module | None":
        """Return the module of the app that a name of an import is, or is from."""
        if name in self.imports:
            origin, inner = self.imports[name]
            for parts in ([*origin.split("."), inner], origin.split(".")):
                file = self._root.joinpath(*parts).with_suffix(".py")
                if file.is_file():
                    return Module(file, self._root)
        return None


@dataclass
class Scope:
    """The names within one function of a module, each with the expression it was given, and where that stands."""

    module: Module
    context: str
    bound: dict[str, "tuple[ast.expr, Scope]"] = field(default_factory=dict)

    def bind(self, target: ast.expr, value: ast.expr, scope: "Scope | None" = None) -> None:
        """Note that a name, or each of several, is made of an expression."""
        for node in ast.walk(target):
            if isinstance(node, ast.Name):
                self.bound[node.id] = (value, scope or self)

    def resolved(self, value: ast.expr) -> "tuple[ast.expr, Scope]":
        """Return what a local name stands for, or the expression itself."""
        scope, seen = self, set[str]()
        while isinstance(value, ast.Name) and value.id in scope.bound and value.id not in seen:
            seen.add(value.id)
            value, scope = scope.bound[value.id]
        return value, scope

    def texts(self, value: ast.expr) -> list[str]:
        """Return the constant texts of other modules that an expression may be: names of agents, for one."""
        return list(dict.fromkeys(self._texts(value, set())))

    def _texts(self, value: ast.AST, seen: set[str]) -> Iterator[str]:
        match value:
            case ast.YieldFrom():
                # What a step returns is not known before.
                return
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if module := self.module.imported(name):
                yield from _text_in(module, attribute)
                return
            case ast.Name(id=name) if name in seen:
                return
            case ast.Name(id=name) if name in self.bound:
                inner, scope = self.bound[name]
                yield from scope._texts(inner, {*seen, name} if scope is self else set())
                return
            case ast.Name(id=name) if name in self.module.constants:
                yield from Scope(self.module, "")._texts(self.module.constants[name], {*seen, name})
                return
            case ast.Name(id=name) if module := self.module.imported(name):
                yield from _text_in(module, self.module.imports[name][1])
                return
        for child in ast.iter_child_nodes(value):
            yield from self._texts(child, seen)


def _text_in(module: Module, name: str) -> Iterator[str]:
    match module.constants.get(name):
        case ast.Constant(value=str(text)):
            yield text
