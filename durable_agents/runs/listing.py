"""Read the runs of this app from the task hub, a page at a time.

The task hub does not know which instances are runs: it may hold the sessions of agents and the instances of other apps.
So a page of ours may take several of its pages, and each of them is asked for what is still missing, no more.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import azure.durable_functions as df
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from durable_agents.orchestration.registry import OrchestrationRegistry
from durable_agents.owners import owner_of, prefix_of
from durable_agents.runs.task_hub import TaskHubError, ask_task_hub
from durable_agents.seal import Seal

_MOST_HUB_PAGES = 10
_LONGEST_TOKEN = 8_192
_PURPOSE = "page"
_SEAL_LENGTH = 64


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs are wanted; None stands for all.

    Attributes:
        orchestration: The registered name of their orchestration.
        statuses: The names of their runtime statuses.
        created_from: They were created then or later; times have a time zone.
        created_to: They were created then or earlier.
        has_any_id: Callers choose the ids of its runs, so these need not begin with the name of the orchestration.
        owner: Whose they are; '' for those that belong to nobody, None for everybody's.
    """

    orchestration: str | None = None
    statuses: Sequence[str] = ()
    created_from: datetime | None = None
    created_to: datetime | None = None
    has_any_id: bool = False
    owner: str | None = None

    def to_parameters(self) -> dict[str, str]:
        """Return the query as the task hub reads it, with the ids that runs get where callers do not choose them."""
        prefix = "" if self.orchestration is None or self.has_any_id else f"{self.orchestration}-"
        if self.owner:
            prefix = prefix_of(self.owner) + prefix
        elif self.owner is None:
            # Those with an owner begin otherwise.
            prefix = ""
        parameters = {
            "instanceIdPrefix": prefix,
            "runtimeStatus": ",".join(self.statuses),
            "createdTimeFrom": _utc(self.created_from),
            "createdTimeTo": _utc(self.created_to),
        }
        return {name: value for name, value in parameters.items() if value}


@dataclass(frozen=True, slots=True)
class FoundRuns:
    """Some runs, without their inputs, and what leads to the next ones, None at the end.

    They may be fewer than were asked for, even none, although more follow.
    """

    runs: Sequence[DurableOrchestrationStatus]
    next_token: str | None


async def query_runs(
    client: df.DurableOrchestrationClient,
    orchestrations: OrchestrationRegistry,
    query: RunQuery,
    limit: int,
    token: str | None = None,
) -> FoundRuns:
    """Return at most `limit` runs of this app, in the order of the task hub; `token` is that of the page before.

    Raises:
        TaskHubError: The task hub refused the query.
    """
    runs: list[DurableOrchestrationStatus] = []
    for _ in range(_MOST_HUB_PAGES):
        parameters = {**query.to_parameters(), "top": str(limit - len(runs)), "showInput": "false"}
        answer = await ask_task_hub(client, "GET", "instances/", parameters, token)
        if answer.status != 200:
            raise TaskHubError(f"The task hub answered a query for runs with HTTP {answer.status}: {answer.body}")
        for status in map(DurableOrchestrationStatus.from_json, answer.body):
            orchestration = orchestrations.find(status.name)
            is_meant = query.owner is None or owner_of(str(status.instance_id)) == (query.owner or None)
            if is_meant and orchestration is not None and query.orchestration in (None, orchestration.name):
                runs.append(status)
        token = answer.next_token
        if token is None or len(runs) >= limit:
            break
    return FoundRuns(runs, token)


@dataclass(frozen=True, slots=True)
class PageTokens:
    """Makes of what leads to the next page what callers get: opaque, sealed, and good for one query only."""

    seal: Seal

    def encode(self, token: str | None, query: RunQuery) -> str | None:
        """Return the token as callers get it; None at the end of a list."""
        if token is None:
            return None
        mark = self.seal.of(_PURPOSE, _sealed(token, query))
        return base64.urlsafe_b64encode(json.dumps([mark, token]).encode()).decode()

    def decode(self, text: str, query: RunQuery) -> str | None:
        """Return the token in `text`, or None if it was not made here for this query."""
        if len(text) > _LONGEST_TOKEN:
            return None
        try:
            mark, token = json.loads(base64.b64decode(text, altchars=b"-_", validate=True))
        except (ValueError, TypeError, RecursionError):
            return None
        if not isinstance(mark, str) or len(mark) != _SEAL_LENGTH or not isinstance(token, str):
            return None
        is_ours = self.seal.fits(_PURPOSE, _sealed(token, query), mark) and token.isascii() and token.isprintable()
        return token if is_ours else None


def _sealed(token: str, query: RunQuery) -> str:
    return json.dumps([token, query.orchestration, query.owner, query.to_parameters()])


def _utc(time: datetime | None) -> str:
    return "" if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")
