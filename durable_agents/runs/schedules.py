"""Start one run for each slot of the day, however many hosts have the same timer."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from pydantic import AwareDatetime, BaseModel, ValidationInfo, field_validator

from durable_agents.http.problems import ProblemError
from durable_agents.orchestration.registry import Orchestration
from durable_agents.runs.starts import RunStarts, stored_input_for
from durable_agents.runs.status import is_over, read_input

logger = logging.getLogger(__name__)

_MOST_SLOTS_BACK = 31
# Timers fire a little early at times, and the clocks of two hosts differ.
_EARLY = timedelta(seconds=30)


class Slot(BaseModel):
    """What an orchestration on a schedule begins with: the time it is about, from `since` to just before `until`."""

    since: AwareDatetime
    until: AwareDatetime

    @field_validator("until")
    @classmethod
    def _check_later(cls, until: datetime, info: ValidationInfo) -> datetime:
        since = info.data.get("since")
        if since is not None and until <= since:
            raise ValueError(f"must be later than since, which is {since.isoformat()}")
        return until


@dataclass(frozen=True, slots=True)
class Schedule:
    """Starts an orchestration at some hours of each day, in UTC.

    The id of a run is made of its slot, so whoever comes second finds it started. What the runs are about has no gaps:
    each goes on where the last one ended that did not fail, also after hours in which no host ran. In the gap that
    `RunStarts` names a run is played twice, so what it does should be keyed by its id.

    Attributes:
        orchestration: What is started; its input derives from `Slot`.
        hours: When, from 0 to 23.
    """

    orchestration: Orchestration
    hours: tuple[int, ...]
    _starts: RunStarts = field(default_factory=RunStarts)

    def __post_init__(self) -> None:
        """Refuse what could not be started when its time has come.

        Raises:
            ValueError: There is no hour, or one that no day has; or the input of the orchestration needs more.
        """
        if not self.hours or not set(self.hours) <= set(range(24)):
            raise ValueError(f"A schedule needs hours from 0 to 23, and these are {list(self.hours)}.")
        name = self.orchestration.name
        if not issubclass(self.orchestration.input_model, Slot):
            raise ValueError(
                f"The input of {name!r} must derive from Slot: a schedule tells it which time it is about."
            )
        try:
            self._input(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
        except ProblemError as problem:
            raise ValueError(
                f"A schedule cannot start {name!r}: {problem.detail} Give it defaults or fixed."
            ) from problem

    @property
    def cron(self) -> str:
        """The schedule of the timer, a cron expression with seconds."""
        return f"0 0 {','.join(map(str, sorted(set(self.hours))))} * * *"

    def timer_function(self) -> Callable[..., Any]:
        """Return what the timer calls."""

        async def start(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
            await self.start_due(client, datetime.now(UTC))

        start.__name__ = start.__qualname__ = f"start_{self.orchestration.name}"
        return start

    async def start_due(self, client: df.DurableOrchestrationClient, now: datetime) -> str:
        """Start the run of the slot that began last, unless it was started before, and return its id."""
        until = self._slot_before(now + _EARLY)
        instance_id = self._instance_id(until)
        stored_input = self._input(await self._since(client, until), until)
        try:
            await self._starts.start_new(client, self.orchestration.name, instance_id, stored_input)
        except ProblemError:
            logger.info("%s: started before, by another host or an earlier firing", instance_id)
        return instance_id

    async def _since(self, client: df.DurableOrchestrationClient, until: datetime) -> datetime:
        """Return until when the last run was about its time; one that failed has left its own time to the next."""
        slot = first = self._slot_before(until)
        for _ in range(_MOST_SLOTS_BACK):
            status = await client.get_status(self._instance_id(slot), show_input=True)
            if status:
                has_failed = is_over(status) and status.runtime_status is not df.OrchestrationRuntimeStatus.Completed
                return Slot.model_validate(read_input(status)).since if has_failed else slot
            slot = self._slot_before(slot)
        return first

    def _slot_before(self, moment: datetime) -> datetime:
        """Return the last slot before this moment."""
        day = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        slots = (day.replace(hour=hour) - timedelta(days=back) for back in (0, 1) for hour in self.hours)
        return max(slot for slot in slots if slot < moment)

    def _instance_id(self, slot: datetime) -> str:
        return f"{self.orchestration.name}-{slot:%Y-%m-%dT%H}"

    def _input(self, since: datetime, until: datetime) -> Any:
        return stored_input_for(self.orchestration, Slot(since=since, until=until).model_dump(mode="json"))
