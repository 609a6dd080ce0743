import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from durable_agents.http.requests import accepted, json_response


class _Answer(BaseModel):
    """An answer with all that JSON can hold, and a member that may be left out."""

    output: Any
    made_at: datetime
    error: str | None = None


def _deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("output", [_deep(900), {"\ud800": "\udfff"}, 10**400, {"a": None}, "\x00", [1.5, True]])
def test_an_answer_holds_whatever_json_a_run_has_made(output: object) -> None:
    answer = json_response(_Answer(output=output, made_at=datetime(2026, 1, 1, 9, tzinfo=UTC)))
    assert json.loads(answer.get_body()) == {"output": output, "made_at": "2026-01-01T09:00:00Z"}


def test_a_member_that_is_set_to_nothing_is_null_and_one_that_is_left_unset_is_not_there() -> None:
    made_at = datetime(2026, 1, 1, 9, 30, 0, 500, tzinfo=UTC)
    answer = accepted(_Answer(output=None, made_at=made_at, error=None), "http://x/y")
    body = {"output": None, "made_at": "2026-01-01T09:30:00.000500Z", "error": None}
    assert (answer.status_code, json.loads(answer.get_body())) == (202, body)
    assert (answer.headers["Location"], answer.headers["Retry-After"]) == ("http://x/y", "1")
