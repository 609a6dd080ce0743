"""Text for a terminal: whatever names, ids, payloads and errors hold, nothing of it acts on the terminal unseen."""

from __future__ import annotations

import json
import logging
import unicodedata


def printable(text: str) -> str:
    r"""Return a text in one line, with each character that draws nothing written as JSON writes it, such as `\u001b`.

    Unicode tells which these are: controls, line ends, marks of direction, what has no width, half characters. Blanks
    stay.
    """
    if text.isprintable():
        return text
    return "".join(one if _is_drawn(one) else json.dumps(one)[1:-1] for one in text)


def printable_lines(text: str, indent: str = "") -> str:
    """Return a text of several lines made printable, all but the first indented."""
    first, *more = text.expandtabs(4).split("\n")
    return "\n".join([printable(first), *(f"{indent}{printable(line)}" for line in more)])


class PrintableFormatter(logging.Formatter):
    """Makes log records printable. Only a record begins at the margin: no text in one can look like another."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        return printable_lines(super().format(record), indent="    ")


def _is_drawn(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"
