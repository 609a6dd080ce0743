"""What a Bicep file declares, read from its syntax tree; expressions stay text."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

INFRA = Path(__file__).parents[2] / "infra"
_PARSER = Parser(Language(tree_sitter_bicep.language()))


@dataclass(frozen=True, slots=True)
class Declaration:
    """A param, var, output, resource or module: its decorators, and its value, which a param may lack."""

    name: str
    decorators: dict[str, str]
    value: Node | None
    node: Node

    @property
    def target(self) -> str:
        """The type of a resource without its version, or the path of a module."""
        return unquoted(next(child for child in self.node.named_children if child.type == "string")).partition("@")[0]

    @property
    def is_existing(self) -> bool:
        return any(child.type == "existing" or text(child) == "existing" for child in self.node.children)

    @property
    def properties(self) -> dict[str, str]:
        """The texts of the value's properties, nested ones by their path: `sku.name`."""
        body = None if self.value is None else _find(self.value, "object")
        return {} if body is None else dict(_flatten(body))


class BicepFile:
    """One parsed file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = path.read_text(encoding="utf-8")
        self.root = _PARSER.parse(self.source.encode()).root_node

    def declared(self, kind: str) -> dict[str, Declaration]:
        """Return the declarations of a kind by name: parameter, variable, output, resource or module."""
        found: dict[str, Declaration] = {}
        decorators: dict[str, str] = {}
        for node in self.root.named_children:
            if node.type == "decorators":
                decorators = dict(_decorator(child) for child in node.named_children)
            elif node.type != "comment":
                if node.type == f"{kind}_declaration":
                    name = text(next(child for child in node.named_children if child.type == "identifier"))
                    found[name] = Declaration(name, decorators, _value(node), node)
                decorators = {}
        return found


def bicep_files() -> list[BicepFile]:
    return [BicepFile(path) for path in sorted(INFRA.rglob("*.bicep"))]


def walk(node: Node) -> Iterator[Node]:
    """Yield the node and all below it."""
    yield node
    for child in node.children:
        yield from walk(child)


def text(node: Node) -> str:
    return (node.text or b"").decode()


def unquoted(node: Node) -> str:
    """Return the text of an expression; that of a plain string without its quotes."""
    return text(node).strip("'") if node.type == "string" else text(node)


def _decorator(node: Node) -> tuple[str, str]:
    name, _, arguments = text(node).removeprefix("@").partition("(")
    return name, arguments.removesuffix(")").strip("'")


def _value(node: Node) -> Node | None:
    signs = [index for index, child in enumerate(node.children) if child.type == "="]
    return node.children[signs[0] + 1] if signs else None


def _find(node: Node, kind: str) -> Node | None:
    return next((found for found in walk(node) if found.type == kind), None)


def _flatten(node: Node, prefix: str = "") -> Iterator[tuple[str, str]]:
    for item in node.named_children:
        if item.type == "object_property":
            key, value = item.named_children[0], item.named_children[-1]
            yield prefix + unquoted(key), unquoted(value)
            if value.type == "object":
                yield from _flatten(value, f"{prefix}{unquoted(key)}.")
