"""Reads the part of Mermaid that flowcharts of orchestrations are written in, and nothing else: a strict check."""

import re
from dataclasses import dataclass, field

_TEXT = r'"((?:[^"#<>&`\n]|#(?:quot|lt|gt|amp|35|96);)*)"'
_SHAPES = {
    "end": rf"\(\[{_TEXT}\]\)",
    "agent": rf"\({_TEXT}\)",
    "activity": rf"\[{_TEXT}\]",
    "child": rf"\[\[{_TEXT}\]\]",
    "wait": rf"\{{\{{{_TEXT}\}}\}}",
    "choice": rf"\{{{_TEXT}\}}",
    "join": rf"\(\({_TEXT}\)\)",
}
_EDGE = re.compile(rf"  (n\d+) -->(?:\|{_TEXT}\|)? (n\d+)")
_GROUP = re.compile(rf" +subgraph (n\d+)\[{_TEXT}\]")
_CODES = {"#quot;": '"', "#lt;": "<", "#gt;": ">", "#amp;": "&", "#96;": "`", "#35;": "#"}


@dataclass
class Flowchart:
    """The texts and shapes of nodes, the groups they are in, and the edges, as `from -label-> to` by their texts."""

    shapes: dict[str, str] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    edges: list[str] = field(default_factory=list)


def read(text: str) -> Flowchart:
    """Return what a flowchart says.

    Raises:
        AssertionError: It is no flowchart of this kind.
    """
    first, *lines = text.removesuffix("\n").split("\n")
    assert first == "flowchart TD"
    chart, texts, open_groups = Flowchart(), dict[str, str](), list[str]()
    for line in lines:
        if edge := _EDGE.fullmatch(line):
            start, label, end = edge.groups()
            arrow = f"-{_plain(label)}->" if label else "->"
            chart.edges.append(f"{texts[start]} {arrow} {texts[end]}")
        elif group := _GROUP.fullmatch(line):
            texts[group[1]] = _plain(group[2])
            open_groups.append(texts[group[1]])
            chart.groups[open_groups[-1]] = []
        elif line.strip() == "end":
            assert chart.groups[open_groups.pop()], "a group is empty"
        else:
            node, told = _node(line)
            assert node not in texts, f"{node} is there twice"
            assert line.startswith("  " * (len(open_groups) + 1) + node)
            texts[node] = told
            if open_groups:
                chart.groups[open_groups[-1]].append(told)
            chart.shapes[told] = next(kind for kind, shape in _SHAPES.items() if re.fullmatch(f" +{node}{shape}", line))
    assert open_groups == []
    return chart


def _node(line: str) -> tuple[str, str]:
    for shape in _SHAPES.values():
        if found := re.fullmatch(rf" +(n\d+){shape}", line):
            return found[1], _plain(found[2])
    raise AssertionError(f"no line of a flowchart: {line!r}")


def _plain(text: str) -> str:
    return re.sub("|".join(_CODES), lambda found: _CODES[found[0]], text)
