import json

import pytest
from pydantic import TypeAdapter, ValidationError

from durable_agents.orchestration.approval_requests import Decision, ReviewerName, cut

NAMED = {"request_id": "r1", "content_hash": "0" * 64, "approved": True}


@pytest.mark.parametrize("text", ["", "tea", "a" * 500, "é" * 500, "\U0001f600" * 500, '"\\' * 300, "\x00" * 300])
@pytest.mark.parametrize("characters", [1, 12, 100, 499])
def test_a_text_is_cut_to_what_it_takes_as_json(text: str, characters: int) -> None:
    beginning = cut(text, characters)
    assert text.startswith(beginning)
    assert len(json.dumps(beginning)) - 2 <= characters
    following = text[: len(beginning) + 1]
    assert beginning == text or len(json.dumps(following)) - 2 > characters - 12


@pytest.mark.parametrize("name", ["ada", "ada@example.com", "José García", "审阅者"])
def test_a_reviewer_has_a_name(name: str) -> None:
    assert TypeAdapter(ReviewerName).validate_python(name) == name


@pytest.mark.parametrize(
    "name",
    ["", " ", "a\nb", "a\x00", "a\u202eb", "a" * 101, "ada\u3164", "ada\ufe0f", "a\u034fda", "ada\u2800", "\u00a0"],
)
def test_what_cannot_be_shown_in_one_line_is_no_name(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(ReviewerName).validate_python(name)
    with pytest.raises(ValidationError):
        Decision.model_validate({**NAMED, "reviewer": name})


def test_those_who_do_not_say_who_they_are_count_as_one() -> None:
    assert Decision.model_validate(NAMED).identity == Decision.model_validate(NAMED).identity == ""
    assert Decision.model_validate({**NAMED, "reviewer": "ada"}).identity == "name:ada"
    verified = Decision.model_validate({**NAMED, "reviewer": "ada", "reviewer_id": "7", "verified": True})
    assert verified.identity == "id:7"
