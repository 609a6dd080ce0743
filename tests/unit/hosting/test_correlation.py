from datetime import UTC, datetime

import pytest

from hosting.correlation import issued_at, new_correlation_id

NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)


def test_an_id_tells_when_it_was_issued() -> None:
    assert issued_at(new_correlation_id("Writer", "s1", NOW), "Writer", "s1") == NOW


def test_ids_differ() -> None:
    assert len({new_correlation_id("Writer", "s1", NOW) for _ in range(100)}) == 100


@pytest.mark.parametrize(("agent", "session"), [("Writer", "s2"), ("SpamDetector", "s1")])
def test_an_id_of_another_session_was_never_issued(agent: str, session: str) -> None:
    assert issued_at(new_correlation_id("Writer", "s1", NOW), agent, session) is None


@pytest.mark.parametrize("text", ["", "0" * 40, "x" * 40, "0" * 39])
def test_an_invented_id_was_never_issued(text: str) -> None:
    assert issued_at(text, "Writer", "s1") is None
