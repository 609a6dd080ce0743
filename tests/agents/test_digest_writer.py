import pytest
from pydantic import ValidationError

from agents.digest_writer import NAME, Digest, create_digest_writer
from durable_agents.testing import OfflineChatClient


async def test_a_digest_has_a_subject_and_a_body() -> None:
    response = await create_digest_writer(OfflineChatClient()).run("Published 2026-03-01 09:00 UTC:\n# Green tea")
    assert isinstance(response.value, Digest)
    assert "Green tea" in response.value.body


@pytest.mark.parametrize("empty", ["subject", "body"])
def test_a_digest_without_a_word_is_none(empty: str) -> None:
    with pytest.raises(ValidationError, match="must not be empty"):
        Digest.model_validate({"subject": "Tea", "body": "One.", empty: " "})


def test_its_name_is_stored_in_sessions() -> None:
    assert NAME == "DigestWriter"
