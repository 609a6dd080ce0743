"""ARCHITECTURE.md draws the library as its imports are: no arrow too many, and none that is missing."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "durable_agents"
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")

Edges = set[tuple[str, str]]


def folders() -> set[str]:
    """Return the folders of the library that hold code of an app, and `app`."""
    aside = {"tests", "docs", "testing"}
    return {"app"} | {path.parent.name for path in LIBRARY.glob("*/__init__.py")} - aside


def imports() -> Edges:
    """Return which folder imports which."""
    names = folders()
    found = set()
    for file in LIBRARY.rglob("*.py"):
        importer = file.relative_to(LIBRARY).parts[0].removesuffix(".py")
        if importer in names:
            found |= {(importer, imported) for imported in imported_by(file) if imported in names - {importer}}
    return found


def imported_by(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = node.module.split(".")
            if module[0] == "durable_agents":
                yield from module[1:2] or [alias.name for alias in node.names]


def drawn() -> Edges:
    """Return the arrows of the picture whose first line says that it is of the library."""
    (picture,) = re.findall(r"```mermaid\nflowchart TD\n(.*?)```", TEXT, re.DOTALL)
    found = set()
    for line in picture.splitlines():
        if line.strip():
            left, right = line.split(" --> ")
            found |= {(one.strip(), other.strip()) for one in left.split("&") for other in right.split("&")}
    return found


def reached(edges: Edges) -> Edges:
    """Return which folder leads to which, over any number of arrows."""
    found = set(edges)
    while more := {(one, last) for one, middle in found for other, last in edges if middle == other} - found:
        found |= more
    return found


def shortened(edges: Edges) -> Edges:
    """Return the arrows that no others say."""
    return {
        (one, other)
        for one, other in edges
        if not any((one, middle) in reached(edges) and (middle, other) in reached(edges) for middle in folders())
    }


def test_the_picture_of_the_library_is_drawn_from_its_imports() -> None:
    wanted = shortened(imports())
    assert len(wanted) > 10
    assert reached(drawn()) == reached(imports()), "\n".join(f"    {one} --> {other}" for one, other in sorted(wanted))
    assert drawn() == wanted, "an arrow says what others say already"


def test_what_the_pictures_name_exists() -> None:
    named = {name for picture in re.findall(r"```mermaid\n(.*?)```", TEXT, re.DOTALL) for name in paths_of(picture)}
    assert len(named) > 5
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def paths_of(picture: str) -> Iterator[str]:
    """Yield what looks like a path of the project in the labels of a picture."""
    yield from (name for name in re.findall(r"\b((?:durable_agents|devhost|infra)/[\w/.]*\w)", picture))
