"""What a reviewer is shown of a draft; what is invisible is tested with `durable_agents.characters.invisible`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_agents.characters.invisible import is_invisible
from durable_agents.runs.shown_drafts import Invisible, show_draft
from durable_agents.storage.drafts import KeptDraft


def pieces(content: str, title: str = "Tea") -> list[str]:
    """Return the pieces of the content as a reviewer reads them."""
    shown = show_draft(KeptDraft(title=title, content=content)).content
    return [piece if isinstance(piece, str) else piece.mark for piece in shown]


def test_a_text_of_which_all_can_be_seen_is_one_piece() -> None:
    text = "Tea is <b>nice</b>.\n\n  Zoë, 审阅者, नमस्ते, مرحبا, 🙂:\tyes.\n"
    assert pieces(text) == [text]
    assert show_draft(KeptDraft(title="Tea", content=text)).invisible_characters == 0
    assert pieces("") == []


def test_a_text_hidden_in_variation_selectors_is_seen_to_be_there() -> None:
    hidden = "".join(chr(0xE0100 + byte - 16) for byte in b"wire 900")
    shown = show_draft(KeptDraft(title="Tea", content=f"Tea is nice{hidden}."))
    assert shown.invisible_characters == 8
    assert shown.content[0] == "Tea is nice"
    assert shown.content[1:9] == [Invisible(mark=f"U+{ord(char):04X}") for char in hidden]
    assert shown.content[9] == "."


@pytest.mark.parametrize(
    "char", ["\x00", "\r", "\u200b", "\u202e", "\u3164", "\u2800", "\ufe0f", "\u034f", "\u17b4", "\u180b", "\u00a0"]
)
def test_each_is_shown_by_its_number(char: str) -> None:
    assert pieces(f"a{char}b{char}") == ["a", f"U+{ord(char):04X}", "b", f"U+{ord(char):04X}"]


def test_a_line_break_can_be_seen_in_a_text_and_not_in_a_title() -> None:
    shown = show_draft(KeptDraft(title="Tea\n\tand", content="one\n\ttwo"))
    assert shown.title == ["Tea", Invisible(mark="U+000A"), Invisible(mark="U+0009"), "and"]
    assert shown.content == ["one\n\ttwo"]
    assert shown.invisible_characters == 2


@given(st.text())
def test_nothing_is_left_out_and_nothing_invisible_is_shown_as_it_is(text: str) -> None:
    shown = show_draft(KeptDraft(title="", content=text))
    texts = [piece for piece in shown.content if isinstance(piece, str)]
    assert not any(is_invisible(char) and char not in "\n\t" for piece in texts for char in piece)
    read = [piece if isinstance(piece, str) else chr(int(piece.mark[2:], 16)) for piece in shown.content]
    assert "".join(read) == text
    assert shown.invisible_characters == len(shown.content) - len(texts)
