from datetime import UTC, datetime

import azure.functions as func
import pytest

from durable_agents.http.problems import ProblemError
from durable_agents.http.query import read_time, read_whole_number, read_words


def request(**params: str) -> func.HttpRequest:
    return func.HttpRequest("GET", "http://localhost/api/runs", params=params, body=b"")


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T09:30:00", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31T09:30:00Z", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31T09:30:00+02:00", datetime(2026, 1, 31, 7, 30, tzinfo=UTC)),
    ],
)
def test_times_are_utc(text: str, time: datetime | None) -> None:
    assert read_time(request(at=text), "at") == time


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "0001-01-01T00:00:00+10:00", "1700000000", "²"])
def test_what_is_no_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read_time(request(at=text), "at")
    assert (caught.value.status, caught.value.members["errors"][0]["field"]) == (400, "at")


def test_words_are_found_in_any_case() -> None:
    assert read_words(request(status="failed, RUNNING"), "status", ["Running", "Failed"]) == ["Failed", "Running"]
    assert read_words(request(), "status", ["Running"]) == []


@pytest.mark.parametrize("text", ["x", "Running,", ",", "Running;Failed"])
def test_an_unknown_word_is_refused(text: str) -> None:
    with pytest.raises(ProblemError, match="one or more of Running, Failed"):
        read_words(request(status=text), "status", ["Running", "Failed"])


@pytest.mark.parametrize("text", ["-1", "11", "1.5", "²", "", "1" * 30])
def test_a_number_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(ProblemError, match="a whole number from 0 to 10"):
        read_whole_number(request(wait=text), "wait", default=0, least=0, most=10)


def test_a_number_has_a_default() -> None:
    assert read_whole_number(request(), "wait", default=3, least=0, most=10) == 3
    assert read_whole_number(request(wait="10"), "wait", default=3, least=0, most=10) == 10
