"""Patterns of the kinds that schemas use get a text that matches them."""

import re

import pytest

from durable_agents.chat_clients.offline_pattern import sample_pattern


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[A-Z]{2}-\d{4}$",
        r"^\d{4,}$",
        r"^(?:red|green) (?P<what>mug|cup)s?$",
        r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$",
        r"^(?:\+49|0)[1-9]\d{6,10}$",
        r"^[a-z0-9]+(?:-[a-z0-9]+)*$",
        r"\A#[0-9a-fA-F]{6}\Z",
        r"^[]x]$",
        r"^a.c\.\(d\)$",
        r"^x*?y+?$",
    ],
)
def test_a_text_matches(pattern: str) -> None:
    assert all(re.search(pattern, text) for text in sample_pattern(pattern))
    assert any(sample_pattern(pattern))


def test_repetitions_stretch_to_a_minimum_length() -> None:
    assert any(len(text) >= 50 for text in sample_pattern("^[a-z]+$", 50))


@pytest.mark.parametrize("pattern", [r"(?=x)y", r"(a)\1", "[", "(", "a)", r"\p{L}"])
def test_what_is_not_understood_yields_nothing(pattern: str) -> None:
    assert list(sample_pattern(pattern)) == []
