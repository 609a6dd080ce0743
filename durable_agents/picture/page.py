"""What a page of Markdown shows of orchestrations: below a comment stands what is taken from the code it names."""

import re
import textwrap
from pathlib import Path

from durable_agents.picture.flow import DrawingError, draw

_PICTURE = re.compile(r"(<!-- picture: (\S+\.py) -->\n)(?:```mermaid\n.*?```\n)?", re.DOTALL)
_CODE = re.compile(r"(<!-- code: (\S+\.py) from: ([^\n]+?) -->\n)(?:```python\n.*?```\n)?", re.DOTALL)
_MOST_LINES = 10


def redrawn(page: str, app_root: Path) -> str:
    """Return a page with its pictures and code taken afresh; that of a file which is gone stays as it is.

    Raises:
        DrawingError: A file has no orchestration, or no such line.
    """

    def pictured(found: re.Match[str]) -> str:
        comment, path = found.groups()
        if not (app_root / path).is_file():
            return found[0]
        return f"{comment}```mermaid\n{draw(app_root / path, app_root)}```\n"

    def quoted(found: re.Match[str]) -> str:
        comment, path, start = found.groups()
        if not (app_root / path).is_file():
            return found[0]
        return f"{comment}```python\n{_excerpt(app_root / path, start)}\n```\n"

    return _CODE.sub(quoted, _PICTURE.sub(pictured, page))


def _excerpt(file: Path, start: str) -> str:
    """Return ten lines of a file, or those to the next empty one, from the first that has this text."""
    lines = file.read_text(encoding="utf-8").splitlines()
    first = next((number for number, line in enumerate(lines) if start in line), None)
    if first is None:
        raise DrawingError(f"{file} has no line with {start!r}, from which a page shows its code.")
    shown = lines[first : first + _MOST_LINES]
    return textwrap.dedent("\n".join(shown[: shown.index("")] if "" in shown else shown))
