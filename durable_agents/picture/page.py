"""Flowcharts in a page of Markdown: each stands below a comment that names its orchestration."""

import re
from pathlib import Path

from durable_agents.picture.flow import draw

_PICTURE = re.compile(r"(<!-- picture: (\S+\.py) -->\n)(?:```mermaid\n.*?```\n)?", re.DOTALL)


def redrawn(page: str, app_root: Path) -> str:
    """Return a page with its flowcharts drawn afresh; one whose orchestration is gone stays as it is.

    Raises:
        DrawingError: A file has no orchestration.
    """

    def drawn(found: re.Match[str]) -> str:
        comment, path = found.groups()
        if not (app_root / path).is_file():
            return found[0]
        return f"{comment}```mermaid\n{draw(app_root / path, app_root)}```\n"

    return _PICTURE.sub(drawn, page)
