"""NCRONTAB, the cron expressions of timer triggers, as NCrontab 3 reads them.

Cron libraries differ from it where schedules go quietly wrong: NCRONTAB fires only when the day of the month *and* the
day of the week match, Sunday is 0 and never 7, `FRI-MON` means Monday to Friday, and there is no `L`, `#`, `?` or
`@daily`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_LONGEST_MONTHS = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class CronError(ValueError):
    """A text is not an NCRONTAB expression, or one that never fires; the message says which part and why."""


@dataclass(frozen=True, slots=True)
class Cron:
    """When a schedule fires: the values each field allows, in ascending order. Sunday is day 0 of the week."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    @staticmethod
    def parse(text: str) -> Cron:
        """Read six fields, seconds first, or five that fire at second 0.

        Raises:
            CronError: The text has another number of fields, a field is wrong, or no date has such a day.
        """
        parts = text.split()
        if len(parts) == 5:
            parts.insert(0, "0")
        if len(parts) != len(_FIELDS):
            raise CronError(f"'{text}' has {len(parts)} fields; NCRONTAB has 6, seconds first, or 5 without seconds.")
        cron = Cron(*(field.values(part) for field, part in zip(_FIELDS, parts, strict=True)))
        if cron.days[0] > max(_LONGEST_MONTHS[month] for month in cron.months):
            raise CronError(f"'{text}' never fires: none of its months has a day {cron.days[0]}.")
        return cron

    def next_after(self, moment: datetime) -> datetime:
        """Return the first occurrence later than a moment, in the moment's time zone."""
        start = moment.replace(microsecond=0) + timedelta(seconds=1)
        day = start.date()
        at = self._first_time(start.time()) if self._fires_on(day) else None
        while at is None:
            day += timedelta(days=1)
            at = self._first_time(time.min) if self._fires_on(day) else None
        return datetime.combine(day, at, moment.tzinfo)

    def _fires_on(self, day: date) -> bool:
        return day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays

    def _first_time(self, start: time) -> time | None:
        """Return the first time of a day at which the schedule fires, not before `start`."""
        return next(
            (
                time(hour, minute, second)
                for hour in self.hours
                if hour >= start.hour
                for minute in self.minutes
                if (hour, minute) >= (start.hour, start.minute)
                for second in self.seconds
                if (hour, minute, second) >= (start.hour, start.minute, start.second)
            ),
            None,
        )


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    def values(self, text: str) -> tuple[int, ...]:
        """Return the values of a list of `*`, `a`, `a-b`, each with `/step` or without."""
        return tuple(sorted({value for part in text.split(",") for value in self._range(part)}))

    def _range(self, part: str) -> range:
        span, slash, step = part.partition("/")
        if slash and not _is_number(step):
            raise CronError(f"Step '{step}' in the {self.name} field is not a number.")
        first, dash, last = span.partition("-")
        if span == "*":
            low, high = self.lowest, self.highest
        elif dash:
            low, high = sorted((self._value(first), self._value(last)))
        else:
            low = self._value(first)
            high = self.highest if slash else low
        return range(low, high + 1, max(int(step), 1) if slash else 1)

    def _value(self, text: str) -> int:
        if _is_number(text) and self.lowest <= int(text) <= self.highest:
            return int(text)
        # As NCrontab has it: the beginning of a name is enough, and the first name that has it counts.
        for number, name in enumerate(self.names, self.lowest):
            if text and name.lower().startswith(text.lower()):
                return number
        or_name = f" or a name such as {self.names[0][:3].upper()}" if self.names else ""
        raise CronError(
            f"'{text}' in the {self.name} field is no number from {self.lowest} to {self.highest}{or_name}."
        )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day-of-week", 0, 6, _DAYS),
)
