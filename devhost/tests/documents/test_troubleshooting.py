"""devhost/docs/troubleshooting.md explains each finding of the doctor, and none that there is not."""

import ast
import re
from pathlib import Path

DEVHOST = Path(__file__).parents[2]
PAGE = (DEVHOST / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
BUILDERS = {"fault", "warning", "note", "build"}


def names_in_code() -> set[str]:
    """Return the names of all findings: the first arguments of what makes one."""
    found = set()
    for file in (DEVHOST / "doctor").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BUILDERS:
                found.add(ast.literal_eval(node.args[0]))
    return found


def names_in_page() -> set[str]:
    """Return the names in the first columns of the tables, and those of the chapters without one."""
    rows = re.findall(r"^\| (`.*?`) \|", PAGE, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)} | {"non-determinism"}


def test_each_finding_is_on_the_page() -> None:
    assert len(names_in_code()) > 40
    assert names_in_page() == names_in_code()
    assert "as `non-determinism`" in PAGE
