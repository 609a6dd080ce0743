"""Draws orchestrations as Mermaid flowcharts, from their code.

    python -m durable_agents.picture orchestrations/topic_research.py     print the flowchart
    python -m durable_agents.picture --write docs/patterns.md             take those of a page afresh

In a page, a flowchart stands below `<!-- picture: orchestrations/topic_research.py -->`, and ten lines of code below
`<!-- code: orchestrations/topic_research.py from: findings = -->`.
"""

import argparse
import sys
from pathlib import Path

from durable_agents.picture.flow import DrawingError, draw
from durable_agents.picture.page import redrawn


def main() -> int:
    """Draw what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m durable_agents.picture", description=__doc__.partition("\n")[0])
    parser.add_argument("files", type=Path, nargs="*", help="orchestrations, or with --write the pages they stand in")
    parser.add_argument("--write", action="store_true", help="take the flowcharts and code of a page afresh")
    parser.add_argument("--app-root", type=Path, default=Path(), help="the folder of the app (%(default)s)")
    given = parser.parse_args()
    try:
        for file in given.files:
            if given.write:
                text = file.read_text(encoding="utf-8")
                file.write_text(redrawn(text, given.app_root), encoding="utf-8")
            else:
                sys.stdout.write(draw(file, given.app_root))
    except (DrawingError, OSError, SyntaxError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
