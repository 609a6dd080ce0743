"""Held against the `regex` package, which has the properties of Unicode that Python lacks."""

import unicodedata

import pytest
import regex  # type: ignore[import-untyped]  # it has no stubs here

from durable_agents.characters.invisible import is_invisible

SEEN = "aé\u0308中한अ🙂.-'“”…€|"
HIDDEN = {
    "hangul fillers": "\u3164\u115f\u1160\uffa0",
    "braille blank": "\u2800",
    "variation selectors": "\ufe00\ufe0f\U000e0100\U000e01ef\u180b",
    "joiners": "\u034f\u200d\u2060",
    "khmer vowels": "\u17b4\u17b5",
    "directions": "\u202e\u2066\u061c",
    "blanks that are not the space": "\u00a0\u3000\u2002\u2028",
    "controls": "\x00\r\x1b\u0085",
    "null notehead": "\U0001d159",
    "half a pair, private use, unassigned": "\ud83d\ue000\U000e0fff",
    "tags": "\U000e0061",
}


@pytest.mark.parametrize("kind", HIDDEN)
def test_what_draws_nothing_is_invisible(kind: str) -> None:
    assert [ascii(char) for char in HIDDEN[kind] if not is_invisible(char)] == []


def test_what_is_drawn_and_the_space_are_not() -> None:
    assert [char for char in SEEN + " " if is_invisible(char)] == []


def test_no_character_that_unicode_lets_be_ignored_is_missed() -> None:
    ignorable = regex.compile(r"\p{Default_Ignorable_Code_Point}|\p{White_Space}|\p{C}")
    known = (char for char in map(chr, range(0x110000)) if unicodedata.category(char) != "Cn")
    missed = [ascii(char) for char in known if ignorable.match(char) and not is_invisible(char)]
    assert missed == [ascii(" ")]
