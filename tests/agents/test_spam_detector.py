"""The spam detector gives a verdict with a confidence and a reason."""

import pytest
from pydantic import ValidationError

from agents.spam_detector import DESCRIPTION, NAME, SpamVerdict, create_spam_detector
from durable_agents.testing import OfflineChatClient

ORDINARY = "From: ann@example.com\nSubject: Minutes\n\nDear all, attached are the minutes of Tuesday's meeting."
SPAM = """\
From: winner@example.net
Subject: You have won!

Congratulations! You have won a prize in our lottery. It is URGENT: click here and send a wire transfer to claim it."""


def test_the_agent_is_named_and_described() -> None:
    detector = create_spam_detector(OfflineChatClient())
    assert (detector.name, detector.description) == (NAME, DESCRIPTION)


async def test_spam_is_recognised_with_confidence() -> None:
    verdict = await _classify(SPAM)
    assert verdict.is_spam
    assert verdict.confidence > 0.8
    assert "lottery" in verdict.reason


async def test_ordinary_mail_is_not_spam() -> None:
    verdict = await _classify(ORDINARY)
    assert not verdict.is_spam
    assert verdict.confidence > 0.8


@pytest.mark.parametrize("confidence", [-0.1, 1.1])
def test_a_confidence_is_a_probability(confidence: float) -> None:
    with pytest.raises(ValidationError):
        SpamVerdict(is_spam=True, confidence=confidence, reason="")


async def _classify(email: str) -> SpamVerdict:
    response = await create_spam_detector(OfflineChatClient()).run(email)
    assert isinstance(response.value, SpamVerdict)
    return response.value
