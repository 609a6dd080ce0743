"""A draft as a reviewer is shown it: nothing that was not seen can be approved."""

from itertools import groupby

from pydantic import BaseModel

from durable_agents.characters.invisible import is_invisible
from durable_agents.storage.drafts import KeptDraft


class Invisible(BaseModel):
    """A character that cannot be seen, by its number, such as U+200B."""

    mark: str


class ShownDraft(BaseModel):
    """A draft in pieces, in order: texts, and each character between them that could not be seen in them."""

    title: list[str | Invisible]
    content: list[str | Invisible]
    invisible_characters: int


def show_draft(draft: KeptDraft) -> ShownDraft:
    """Return the draft as it is shown. Line breaks and tabs can be seen in the content, not in the title."""
    title, content = _mark(draft.title, ""), _mark(draft.content, "\n\t")
    marks = sum(isinstance(piece, Invisible) for piece in [*title, *content])
    return ShownDraft(title=title, content=content, invisible_characters=marks)


def _mark(text: str, seen: str) -> list[str | Invisible]:
    pieces: list[str | Invisible] = []
    for hidden, characters in groupby(text, lambda char: char not in seen and is_invisible(char)):
        if hidden:
            pieces += [Invisible(mark=f"U+{ord(char):04X}") for char in characters]
        else:
            pieces.append("".join(characters))
    return pieces
