"""History events are what the extension was recorded to send, and times survive both ways."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devhost.protocol import history
from devhost.protocol.history import Event, EventType
from devhost.tests.unit.recordings import ORCHESTRATIONS, TURNS

NOW = datetime(2026, 11, 21, 9, 16, 14, 204022, tzinfo=UTC)


def recorded_shapes() -> list[tuple[str, frozenset[str]]]:
    """Return the name of each kind of event in the recordings, with the fields of one."""
    shapes: dict[EventType, frozenset[str]] = {}
    for title in ORCHESTRATIONS:
        for turn in TURNS[title]:
            for event in turn["request"]["history"]:
                shapes.setdefault(EventType(event["EventType"]), frozenset(event))
    return [(kind.name, fields) for kind, fields in sorted(shapes.items())]


WRITTEN: dict[str, Event] = {
    "ORCHESTRATOR_STARTED": history.orchestrator_started(NOW),
    "ORCHESTRATOR_COMPLETED": history.orchestrator_completed(NOW),
    "EXECUTION_STARTED": history.execution_started(NOW, "run", "execution", "main", "1"),
    "TASK_SCHEDULED": history.task_scheduled(NOW, 3, "hello"),
    "TASK_COMPLETED": history.task_completed(NOW, 3, "1"),
    "TASK_FAILED": history.task_failed(NOW, 3, "reason", "details"),
    "SUB_ORCHESTRATION_CREATED": history.sub_orchestration_created(NOW, 3, "child", "run-child"),
    "SUB_ORCHESTRATION_COMPLETED": history.sub_orchestration_completed(NOW, 3, "1"),
    "SUB_ORCHESTRATION_FAILED": history.sub_orchestration_failed(NOW, 3, "reason", "details"),
    "TIMER_CREATED": history.timer_created(NOW, 3, "2026-11-21T09:16:15.704786Z"),
    "TIMER_FIRED": history.timer_fired(NOW, 3, "2026-11-21T09:16:15.704786Z"),
    "EVENT_SENT": history.event_sent(NOW, 3, "@counter@k", "{}"),
    "EVENT_RAISED": history.event_raised(NOW, "go", "null"),
}


@pytest.mark.parametrize(("name", "fields"), recorded_shapes(), ids=lambda value: str(value).split("(")[0])
def test_event_has_the_fields_that_were_recorded(name: str, fields: frozenset[str]) -> None:
    stored = history.dump(WRITTEN[name])
    assert json.loads(history.render(stored, played=True)).keys() == fields


@pytest.mark.parametrize("name", WRITTEN)
def test_only_what_schedules_a_task_has_an_id(name: str) -> None:
    scheduling = name.endswith(("SCHEDULED", "CREATED")) or name == "EVENT_SENT"
    assert WRITTEN[name]["EventId"] == (3 if scheduling else -1)


@pytest.mark.parametrize("played", [True, False])
def test_render_adds_whether_the_event_was_played_and_changes_nothing_else(played: bool) -> None:
    event = history.event_raised(NOW, 'a "quoted" name}', json.dumps({"text": "žluťoučký 🐎 }"}))
    assert json.loads(history.render(history.dump(event), played=played)) == {**event, "IsPlayed": played}


def test_timestamp_has_seven_digits_like_the_extensions() -> None:
    assert history.timestamp(NOW) == "2026-11-21T09:16:14.2040220Z"
    assert history.timestamp(NOW.replace(microsecond=0)) == "2026-11-21T09:16:14.0000000Z"


def test_timestamp_of_another_zone_is_in_utc() -> None:
    prague = timezone(timedelta(hours=1))
    assert history.timestamp(datetime(2026, 11, 21, 10, 0, tzinfo=prague)) == "2026-11-21T09:00:00.0000000Z"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21T09:16:14.2040224Z", NOW),
        ("2026-11-21T09:16:14.204022Z", NOW),
        ("2026-11-21T09:16:14Z", NOW.replace(microsecond=0)),
        ("2026-11-21T10:16:14.2040220+01:00", NOW),
        ("2026-11-21T09:16:14.204022", NOW),
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
    ],
)
def test_times_are_read_with_any_number_of_digits_and_as_utc(text: str, moment: datetime) -> None:
    read = history.parse_timestamp(text)
    assert read == moment
    assert read.utcoffset() == timedelta(0)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", "1795252577"])
def test_text_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        history.parse_timestamp(text)


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9998, 1, 1), timezones=st.just(UTC)))
def test_a_written_time_is_read_as_the_same(moment: datetime) -> None:
    assert history.parse_timestamp(history.timestamp(moment)) == moment
