import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from durable_agents.ids import CORRELATION_ID
from durable_agents.seal import Seal
from durable_agents.sessions.correlation import RunIds, has_same_body, run_key

NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)
IDS = RunIds(Seal(lambda: [b"key", b"previous key"]))


def test_an_id_tells_when_it_was_issued() -> None:
    assert IDS.issued_at(IDS.new("Writer", "s1", NOW), "Writer", "s1") == NOW


def test_ids_differ() -> None:
    assert len({IDS.new("Writer", "s1", NOW) for _ in range(100)}) == 100


@pytest.mark.parametrize(("agent", "session"), [("Writer", "s2"), ("SpamDetector", "s1")])
def test_an_id_of_another_session_was_never_issued(agent: str, session: str) -> None:
    assert IDS.issued_at(IDS.new("Writer", "s1", NOW), agent, session) is None


@pytest.mark.parametrize("text", ["", "0" * 40, "x" * 40, "0" * 39])
def test_an_invented_id_was_never_issued(text: str) -> None:
    assert IDS.issued_at(text, "Writer", "s1") is None


def test_a_key_gives_the_same_id_all_day() -> None:
    ids = {IDS.under_key("Writer", "s1", "k1", "body", NOW + timedelta(hours=hours)) for hours in range(14)}
    assert len(ids) == 1
    assert IDS.issued_at(ids.pop(), "Writer", "s1") == NOW.replace(hour=0)


def test_a_key_is_recognised_on_another_day_and_with_another_body() -> None:
    first = IDS.under_key("Writer", "s1", "k1", "body", NOW)
    later = IDS.under_key("Writer", "s1", "k1", "body", NOW + timedelta(days=1))
    other = IDS.under_key("Writer", "s1", "k1", "other body", NOW)
    assert run_key(first) == run_key(later) == run_key(other)
    assert has_same_body(first, later)
    assert not has_same_body(first, other)
    assert run_key(IDS.under_key("Writer", "s1", "k2", "body", NOW)) != run_key(first)


def test_an_id_that_others_made_stands_for_itself() -> None:
    assert run_key("6f1c0a7e-0000-4000-8000-000000000000") == "6f1c0a7e-0000-4000-8000-000000000000"


@pytest.mark.parametrize("moment", [0, int(NOW.timestamp()), 253_402_300_800, 0xFFFFFFFFFF])
def test_an_id_that_somebody_else_has_sealed_was_never_issued(moment: int) -> None:
    body = f"{moment:010x}" + "0" * 20
    sealed = f"Writer\ns1\n{body}"
    for seal in (hashlib.sha256(sealed.encode()).hexdigest(), Seal(lambda: [b"other"]).of("run", sealed)):
        assert CORRELATION_ID.fullmatch(body + seal[:10])
        assert IDS.issued_at(body + seal[:10], "Writer", "s1") is None


def test_an_id_of_another_time_or_body_was_never_issued() -> None:
    real = IDS.new("Writer", "s1", NOW)
    for at in range(40):
        other = real[:at] + ("0" if real[at] != "0" else "1") + real[at + 1 :]
        assert IDS.issued_at(other, "Writer", "s1") is None


def test_an_id_from_before_the_key_was_changed_is_known() -> None:
    before = RunIds(Seal(lambda: [b"previous key"]))
    assert IDS.issued_at(before.new("Writer", "s1", NOW), "Writer", "s1") == NOW
    assert before.issued_at(IDS.new("Writer", "s1", NOW), "Writer", "s1") is None


def test_a_repeat_is_recognised_after_the_key_was_changed() -> None:
    first = RunIds(Seal(lambda: [b"previous key"])).under_key("Writer", "s1", "k1", "body", NOW)
    assert run_key(first) == run_key(IDS.under_key("Writer", "s1", "k1", "body", NOW))
