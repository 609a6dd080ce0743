from datetime import UTC, datetime, timedelta

import pytest

from hosting.turns.correlation import correlation_id_for, has_same_body, issued_at, new_correlation_id, run_key

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


def test_a_key_gives_the_same_id_all_day() -> None:
    ids = {correlation_id_for("Writer", "s1", "k1", "body", NOW + timedelta(hours=hours)) for hours in range(14)}
    assert len(ids) == 1
    assert issued_at(ids.pop(), "Writer", "s1") == NOW.replace(hour=0)


def test_a_key_is_recognised_on_another_day_and_with_another_body() -> None:
    first = correlation_id_for("Writer", "s1", "k1", "body", NOW)
    later = correlation_id_for("Writer", "s1", "k1", "body", NOW + timedelta(days=1))
    other = correlation_id_for("Writer", "s1", "k1", "other body", NOW)
    assert run_key(first) == run_key(later) == run_key(other)
    assert has_same_body(first, later)
    assert not has_same_body(first, other)
    assert run_key(correlation_id_for("Writer", "s1", "k2", "body", NOW)) != run_key(first)


def test_an_id_that_others_made_stands_for_itself() -> None:
    assert run_key("6f1c0a7e-0000-4000-8000-000000000000") == "6f1c0a7e-0000-4000-8000-000000000000"
