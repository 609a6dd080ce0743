"""Timer functions: when each is due, and its runs.

Source of the rules: TimerListener and CronSchedule of azure-webjobs-sdk-extensions.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from devhost.clock import Clock
from devhost.cron import Cron, CronError
from devhost.functions import Function, Refused, TriggerType
from devhost.tracebacks import of_the_app
from devhost.worker import FunctionFailedError

logger = logging.getLogger("devhost.timers")

# A sleeping machine or a changed clock is noticed within this time.
_LONGEST_SLEEP = timedelta(minutes=1)
_NEVER = "0001-01-01T00:00:00"


class ScheduleError(Exception):
    """A timer function's schedule cannot be used; the message says why and what to write instead."""


class Runner(Protocol):
    """Runs functions, as `devhost.worker.Worker` does."""

    async def run(self, function: Function, payload: str, client: str = "") -> str | None:
        """Run a function on JSON text.

        Raises:
            FunctionFailedError: The function raised.
        """
        ...


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a timer function runs. `expression` is NCRONTAB with its settings filled in; times are UTC."""

    function: Function
    expression: str
    cron: Cron

    @staticmethod
    def of(function: Function, environ: Mapping[str, str]) -> Schedule:
        """Read the schedule of a timer function, with `%NAME%` standing for the app setting of that name.

        Raises:
            ScheduleError: A setting is missing, or the schedule is a TimeSpan or no NCRONTAB.
        """
        expression = _filled_in(str(function.trigger.get("schedule", "")), environ)
        if ":" in expression:
            raise ScheduleError(
                f"Schedule '{expression}' is a TimeSpan, which Azure runs on an App Service plan only. "
                "Write it as NCRONTAB: '0 */5 * * * *' is every 5 minutes."
            )
        try:
            return Schedule(function, expression, Cron.parse(expression))
        except CronError as ex:
            raise ScheduleError(f"Schedule '{expression}' is not NCRONTAB: {ex}") from ex

    @property
    def runs_at_start(self) -> bool:
        """Whether the function also runs when the host starts."""
        return self.function.trigger.get("runOnStartup") is True

    def is_monitored(self, now: datetime) -> bool:
        """Whether a run is told of the run before: unless the app declines, or there are two within a minute."""
        second = self.cron.next_after(self.cron.next_after(now))
        return self.function.trigger.get("useMonitor") is not False and second >= now + timedelta(minutes=1)


def read_schedules(functions: Iterable[Function], environ: Mapping[str, str]) -> tuple[list[Schedule], list[Refused]]:
    """Return the schedules of all timer functions, and the functions whose schedule cannot be used."""
    schedules: list[Schedule] = []
    refused: list[Refused] = []
    for function in functions:
        if function.trigger_type == TriggerType.TIMER:
            try:
                schedules.append(Schedule.of(function, environ))
            except ScheduleError as ex:
                refused.append(Refused(function.name, str(ex)))
    return schedules, refused


class TimerFunctions:
    """Runs each timer function when it is due, never two runs of one function at a time.

    When a run lasts beyond the next occurrence, that one comes late, once, and further ones are left out, as on Azure.
    A run that fails is logged; the function runs again at the next occurrence.

    Nothing is stored, so what was missed while no host ran is not made up for: `past_due` is never set, where Azure
    runs a monitored function at once after a pause of the host and sets it.
    """

    def __init__(self, runner: Runner, schedules: Iterable[Schedule], clock: Clock, client: str) -> None:
        """Prepare the timers; `client` is the JSON of the functions' durable client bindings."""
        self._runner = runner
        self._clock = clock
        self._client = client
        now = clock.now()
        self._timers = [
            _Timer(schedule, schedule.cron.next_after(now), schedule.is_monitored(now)) for schedule in schedules
        ]
        self._wake: asyncio.TimerHandle | None = None
        self._runs: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    def start(self) -> None:
        """Run the functions that want to run at the start, and wait for the first occurrence."""
        for timer in self._timers:
            if timer.schedule.runs_at_start:
                self._start_run(timer)
        self._set_wake()

    def fire(self) -> None:
        """Run all functions that are due now and do not run yet."""
        now = self._clock.now()
        for timer in self._timers:
            if timer.next <= now and not timer.is_running:
                self._start_run(timer)
        self._set_wake()

    async def stop(self, grace_seconds: float) -> None:
        """Start nothing more and wait for the present runs, at most this long."""
        self._is_stopping = True
        self._set_wake()
        if self._runs:
            _, late = await asyncio.wait(self._runs, timeout=grace_seconds)
            for run in late:
                run.cancel()

    def _start_run(self, timer: _Timer) -> None:
        timer.is_running = True
        run = asyncio.get_running_loop().create_task(self._run(timer))
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)

    async def _run(self, timer: _Timer) -> None:
        began = self._clock.now()
        function = timer.schedule.function
        logger.info("%s: timer fired.", function.name)
        try:
            await self._runner.run(function, timer.request(), self._client)
        except FunctionFailedError as ex:
            logger.error("%s failed: %s", function.name, ex.first_line, **of_the_app(ex.__cause__))
        finally:
            timer.ran(began)
            self._set_wake()

    def _set_wake(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        waiting = [timer.next for timer in self._timers if not timer.is_running]
        if waiting and not self._is_stopping:
            delay = min(min(waiting) - self._clock.now(), _LONGEST_SLEEP)
            self._wake = asyncio.get_running_loop().call_later(max(delay.total_seconds(), 0), self.fire)


@dataclass(slots=True)
class _Timer:
    """A timer function's last and next occurrence; `next` stays the present one while the function runs."""

    schedule: Schedule
    next: datetime
    is_monitored: bool
    last: datetime | None = None
    is_running: bool = False

    def request(self) -> str:
        """Return the JSON that the function's TimerRequest is read from."""
        last = _NEVER if self.last is None else self.last.isoformat()
        status = {"Last": last, "Next": self.next.isoformat(), "LastUpdated": last}
        return json.dumps(
            {
                "Schedule": {"AdjustForDST": True},
                "ScheduleStatus": status if self.is_monitored else None,
                "IsPastDue": False,
            }
        )

    def ran(self, began: datetime) -> None:
        """Take in that a run which began then has ended."""
        self.is_running = False
        self.last = began
        self.next = self.schedule.cron.next_after(began)


def _filled_in(text: str, environ: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1] not in environ:
            raise ScheduleError(
                f"Schedule '{text}' names the setting '{found[1]}', which is missing. "
                "Add it to Values in local.settings.json."
            )
        return environ[found[1]]

    return re.sub(r"%([^%]+)%", value, text)
