"""NCRONTAB expressions are read, and fire, as Azure's timer triggers do."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from devhost.cron import Cron, CronError

SATURDAY_NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 */5 * * * *", "2026-11-21T12:05:00"),
        ("*/5 * * * *", "2026-11-21T12:05:00"),
        ("* * * * * *", "2026-11-21T12:00:01"),
        ("0 0 12 * * *", "2026-11-22T12:00:00"),
        ("30 0 12 * * *", "2026-11-21T12:00:30"),
        ("59 59 23 31 12 *", "2026-12-31T23:59:59"),
        ("0 5/20 * * * *", "2026-11-21T12:05:00"),
        ("0 10-50/20 * * * *", "2026-11-21T12:10:00"),
        ("0 50-10/20 * * * *", "2026-11-21T12:10:00"),
        ("0 15,45 11,13 * * *", "2026-11-21T13:15:00"),
        ("0 0 0 31 * *", "2026-12-31T00:00:00"),
        ("0 0 0 29 2 *", "2028-02-29T00:00:00"),
        ("0 0 0 * jan *", "2027-01-01T00:00:00"),
        ("0 0 0 * * 0", "2026-11-22T00:00:00"),
        ("0 0 0 * * Sunday", "2026-11-22T00:00:00"),
        # Where other crons go another way: both days must match, and Friday to Monday is Monday to Friday.
        ("0 0 9 1 * MON", "2027-02-01T09:00:00"),
        ("0 0 9 29 2 MON", "2044-02-29T09:00:00"),
        ("0 0 9 * * FRI-MON", "2026-11-23T09:00:00"),
        ("0 0 0 * J *", "2027-01-01T00:00:00"),
        ("0 0/0 * * * *", "2026-11-21T12:01:00"),
    ],
)
def test_next_occurrence(expression: str, expected: str) -> None:
    assert Cron.parse(expression).next_after(SATURDAY_NOON) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("", "has 0 fields"),
        ("* * * *", "has 4 fields"),
        ("0 0 0 1 1 * 2027", "has 7 fields"),
        ("60 * * * * *", "'60' in the second field is no number from 0 to 59."),
        ("0 0 0 0 * *", "'0' in the day field is no number from 1 to 31."),
        ("0 0 0 * * 7", "'7' in the day-of-week field is no number from 0 to 6 or a name such as SUN."),
        ("0 0 0 * 13 *", "'13' in the month field is no number from 1 to 12 or a name such as JAN."),
        ("0 0 0 L * *", "'L' in the day field"),
        ("0 0 0 ? * *", "'?' in the day field"),
        ("0 0 0 * * MON#1", "'MON#1' in the day-of-week field"),
        ("0 1,,2 * * * *", "'' in the minute field"),
        ("0 */x * * * *", "Step 'x' in the minute field is not a number."),
        ("0 -5 * * * *", "'' in the minute field"),
        ("0 ٣ * * * *", "'٣' in the minute field"),
        ("0 0 0 30 2 *", "never fires: none of its months has a day 30."),
        ("0 0 0 31 4,6,9,11 *", "never fires: none of its months has a day 31."),
    ],
)
def test_what_is_no_ncrontab_is_refused_with_the_reason(expression: str, fault: str) -> None:
    with pytest.raises(CronError) as failure:
        Cron.parse(expression)
    assert fault in str(failure.value)


def some_of(lowest: int, highest: int) -> st.SearchStrategy[set[int]]:
    return st.sets(st.integers(lowest, highest), min_size=1, max_size=3)


@given(
    seconds=some_of(0, 59),
    minutes=some_of(0, 59),
    hours=some_of(0, 23),
    weekdays=some_of(0, 6),
    start=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
)
def test_no_occurrence_is_missed(
    seconds: set[int], minutes: set[int], hours: set[int], weekdays: set[int], start: datetime
) -> None:
    fields = [",".join(map(str, sorted(values))) for values in (seconds, minutes, hours)]
    cron = Cron.parse(f"{' '.join(fields)} * * {','.join(map(str, weekdays))}")
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    all_of_a_week = [
        midnight + timedelta(days=day, hours=hour, minutes=minute, seconds=second)
        for day, hour, minute, second in product(range(9), hours, minutes, seconds)
        if (midnight + timedelta(days=day)).isoweekday() % 7 in weekdays
    ]
    assert cron.next_after(start) == min(one for one in all_of_a_week if one > start)


@given(day=st.integers(1, 31), month=st.integers(1, 12), weekday=st.integers(0, 6))
def test_whatever_is_accepted_fires_some_day(day: int, month: int, weekday: int) -> None:
    try:
        cron = Cron.parse(f"0 0 0 {day} {month} {weekday}")
    except CronError:
        assume(False)
    occurrence = cron.next_after(SATURDAY_NOON)
    assert (occurrence.day, occurrence.month, occurrence.isoweekday() % 7) == (day, month, weekday)
