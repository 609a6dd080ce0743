"""What an operator sees of the runs that go on: how many, in which state, and how long approvals have waited."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import azure.durable_functions as df
from opentelemetry.metrics import CallbackOptions, Observation, get_meter

from durable_agents.orchestration.registry import OrchestrationRegistry
from durable_agents.runs.listing import RunQuery, query_runs
from durable_agents.runs.status import open_waits, state_of
from durable_agents.runs.task_hub import TaskHubError

logger = logging.getLogger(__name__)

_STATES = ("Pending", "Running", "Suspended")
_PAGE = 100
_MOST_PAGES = 20
_TO_ANSWER = ("approval", "human_input")


@dataclass(slots=True)
class _Gauge:
    """Numbers by their attributes, which are exported once: another instance may measure the next ones."""

    numbers: Mapping[tuple[tuple[str, str], ...], float] = field(default_factory=dict)

    def observe(self, options: CallbackOptions) -> Iterable[Observation]:
        numbers, self.numbers = self.numbers, {}
        return [Observation(number, dict(attributes)) for attributes, number in numbers.items()]


_runs, _waiting, _oldest = _Gauge(), _Gauge(), _Gauge()
_meter = get_meter("durable_agents")
_meter.create_observable_gauge(
    "durable_agents.runs", [_runs.observe], "{run}", "Runs that go on, by orchestration and state."
)
_meter.create_observable_gauge(
    "durable_agents.approvals.waiting", [_waiting.observe], "{request}", "What waits for a human, by orchestration."
)
_meter.create_observable_gauge(
    "durable_agents.approvals.oldest", [_oldest.observe], "s", "How long the oldest of them has waited."
)


async def measure_runs(client: df.DurableOrchestrationClient, orchestrations: OrchestrationRegistry) -> None:
    """Count the runs that go on, 2,000 at most, and what waits for humans. A task hub that refuses is logged."""
    now, query, token = datetime.now(UTC), RunQuery(statuses=_STATES), None
    names = [orchestration.name for orchestration in orchestrations]
    # A state that nothing is in any more is 0, and not what it was.
    runs = Counter({(name, state): 0 for name in names for state in _STATES})
    ages: dict[str, list[float]] = {name: [] for name in names}
    try:
        for _ in range(_MOST_PAGES):
            page = await query_runs(client, orchestrations, query, _PAGE, token)
            for run in page.runs:
                found = orchestrations.find(run.name)
                assert found is not None
                runs[found.name, str(state_of(run))] += 1
                ages[found.name] += [_age(since, now) for since in _asked_since(open_waits(run))]
            token = page.next_token
            if token is None:
                break
    except TaskHubError:
        logger.warning("The runs that go on could not be counted", exc_info=True)
        return
    _runs.numbers = {(("orchestration", name), ("state", state)): count for (name, state), count in runs.items()}
    _waiting.numbers = {(("orchestration", name),): len(waits) for name, waits in ages.items()}
    _oldest.numbers = {(("orchestration", name),): max(waits, default=0.0) for name, waits in ages.items()}


def _asked_since(waits: Iterable[Mapping[str, object]]) -> Iterable[object]:
    """Yield when each thing was asked that a human is to answer."""
    for wait in waits:
        if wait.get("kind") not in _TO_ANSWER:
            continue
        requests = wait.get("requests")
        for request in requests if isinstance(requests, list) else [wait]:
            yield request.get("requested_at") if isinstance(request, dict) else None


def _age(since: object, now: datetime) -> float:
    """Return the seconds since then, 0 where a run does not say."""
    try:
        return max((now - datetime.fromisoformat(str(since))).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return 0.0
