"""Yes-or-no questions are judged by the signs of their topic."""

import pytest

from durable_agents.chat_clients.offline_judgement import judge

MEETING = "Hello Ann, shall we move the meeting to Friday? The agenda is attached."
LOTTERY = "CONGRATULATIONS! You have won the lottery. Click here and claim your prize."
INVOICE = "Urgent: please confirm the wire transfer for invoice 22."


@pytest.mark.parametrize(
    ("text", "verdict", "confidence"),
    [
        ("", False, 0.95),
        (MEETING, False, 0.95),
        ("It is urgent.", False, 0.6),
        (INVOICE, True, 0.7),
        (f"{INVOICE} Act now!", True, 0.85),
        (LOTTERY, True, 0.95),
    ],
)
def test_each_further_sign_of_spam_makes_it_surer(text: str, verdict: bool, confidence: float) -> None:
    judgement = judge("is_spam", text)
    assert judgement is not None
    assert (judgement.verdict, judgement.confidence) == (verdict, confidence)


def test_the_signs_are_reported() -> None:
    judgement = judge("is_spam", INVOICE)
    assert judgement is not None
    assert set(judgement.signs) == {"urgent", "wire transfer"}


def test_a_repeated_or_embedded_word_is_one_sign_or_none() -> None:
    judgement = judge("is_spam", "urgent urgent urgent, enterprizes")
    assert judgement is not None
    assert judgement.signs == ("urgent",)


@pytest.mark.parametrize("name", ["spam", "is_spam", "isSpam", "looks_spam"])
def test_the_topic_is_read_from_the_name_of_the_field(name: str) -> None:
    judgement = judge(name, LOTTERY)
    assert judgement is not None
    assert judgement.topic == "spam"


def test_a_topic_without_vocabulary_is_not_judged() -> None:
    assert judge("is_purple", LOTTERY) is None
