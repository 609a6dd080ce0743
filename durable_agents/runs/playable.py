"""An orchestration as the SDK plays it: what the library does at the beginning and at the end of each is around it."""

import functools
from collections.abc import Callable
from typing import Any

from durable_agents.orchestration.ask import GetAgent
from durable_agents.orchestration.completion_reports import reporting_end
from durable_agents.orchestration.context import IsRegistered
from durable_agents.orchestration.decorated import watched
from durable_agents.orchestration.registry import Orchestration
from durable_agents.orchestration.run_ends import counted_at_end
from durable_agents.orchestration.run_payloads import ending_by_reference
from durable_agents.orchestration.spending import Budget, counting_end
from durable_agents.orchestration.story import is_story, play
from durable_agents.runs.status import INTERNAL_FIELDS
from durable_agents.storage.claim_check import ClaimCheck


def playable(
    orchestration: Orchestration,
    *,
    get_agent: GetAgent,
    is_registered: IsRegistered,
    budget_of: Callable[[str], Budget],
    claims: ClaimCheck,
    result_bytes: int,
) -> Callable[..., Any]:
    """Return the orchestration with what belongs around it; one that is decorated stays as it is written.

    Args:
        orchestration: One of the app's.
        get_agent: Gives an agent by its name to what is played.
        is_registered: Says whether the app has what is called by a name.
        budget_of: Says what a run of an orchestration of this name may use.
        claims: Keeps payloads that are too large for a history.
        result_bytes: What an agent is told at most of the output of a run that it has started.
    """
    function = orchestration.function
    if orchestration.is_decorated:
        return counted_at_end(watched(function), orchestration.name)
    if is_story(function):
        unread = set() if orchestration.stores_as_sent else INTERNAL_FIELDS
        function = play(function, unread, is_registered, claims, orchestration.budget, budget_of)
        claims.add_reader("orchestration", orchestration.name)
    if not orchestration.stores_as_sent:
        function = reporting_end(function, result_bytes)
    if is_story(orchestration.function):
        function = ending_by_reference(function, claims)
        if not orchestration.stores_as_sent:
            function = counting_end(function)
    function = counted_at_end(function, orchestration.name)
    return functools.update_wrapper(functools.partial(function, get_agent=get_agent), function)
