"""A flowchart, and the Mermaid text of it."""

from dataclasses import dataclass, field
from typing import TypeAlias

_SHAPES = {
    "end": '(["{}"])',
    "agent": '("{}")',
    "activity": '["{}"]',
    "child": '[["{}"]]',
    "wait": '{{{{"{}"}}}}',
    "choice": '{{"{}"}}',
    "join": '(("{}"))',
}
_CODES = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;", "\n": " "}

# Where paths have got to: the node that each comes from, and what is to stand at its next edge.
Ends: TypeAlias = list[tuple[str, str]]
# The path within a group begins at the group itself, to which no edge leads from inside.
WITHIN_GROUP: Ends = [("", "")]


@dataclass
class Chart:
    """Nodes, groups of nodes, and edges between both, each in the order in which they were added."""

    _lines: list[str] = field(default_factory=list)
    _edges: list[str] = field(default_factory=list)
    _depth: int = 1
    _count: int = 0

    def add(self, shape: str, text: str, ends: Ends) -> Ends:
        """Add a node to which these paths lead, and return the path that goes on from it."""
        node = self._next_id()
        self._lines.append("  " * self._depth + node + _SHAPES[shape].format(_escaped(text)))
        return self._connected(ends, node)

    def open(self, title: str, ends: Ends) -> Ends:
        """Begin a group to which these paths lead, and return the path that goes on from the whole group."""
        group = self._next_id()
        self._lines.append("  " * self._depth + f'subgraph {group}["{_escaped(title)}"]')
        self._depth += 1
        return self._connected(ends, group)

    def close(self) -> None:
        """End the group that was begun last."""
        self._depth -= 1
        self._lines.append("  " * self._depth + "end")

    def lead_back(self, ends: Ends, node: str) -> None:
        """Lead these paths to a node that is there already."""
        self._connected(ends, node)

    def as_mermaid(self) -> str:
        """Return the text of the flowchart; the same for the same chart."""
        return "\n".join(["flowchart TD", *self._lines, *self._edges]) + "\n"

    def _next_id(self) -> str:
        self._count += 1
        return f"n{self._count}"

    def _connected(self, ends: Ends, node: str) -> Ends:
        for start, label in ends:
            if not start:
                continue
            edge = f"  {start} -->" + (f'|"{_escaped(label)}"|' if label else "") + f" {node}"
            if edge not in self._edges:
                self._edges.append(edge)
        return [(node, "")]


def _escaped(text: str) -> str:
    return "".join(_CODES.get(character, character) for character in text)
