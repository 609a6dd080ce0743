"""Carry what goes into an activity, and what comes out of it, past the history where that is too large for it."""

from collections.abc import Callable
from typing import Any

from durable_agents.binding import in_the_place_of
from durable_agents.storage.claim_check import ClaimCheck


def carried(activity: Callable[..., Any], claims: ClaimCheck) -> Callable[..., Any]:
    """Return a bound activity that gets and gives references in the place of large payloads.

    It does so only for a run that reads them, which has named itself in what it sends: others send and get plain JSON.
    """
    (name,) = activity.__annotations__.keys() - {"return"}

    def run(**arguments: Any) -> Any:
        given = arguments[name]
        caller = claims.caller_of(given)
        if caller is None:
            return activity(**arguments)
        return claims.shorten(caller, activity(**{name: claims.restore(caller, given)}))

    return in_the_place_of(activity, run, activity.__annotations__)
