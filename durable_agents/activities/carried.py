"""What surrounds an activity: its large payloads pass the history by, and it may act once for its key."""

from collections.abc import Callable
from functools import partial
from typing import Any, get_type_hints

from durable_agents.activities.keyed import Keyed
from durable_agents.binding import in_the_place_of
from durable_agents.storage.claim_check import ClaimCheck


def carried(activity: Callable[..., Any], claims: ClaimCheck, *, once: bool = False) -> Callable[..., Any]:
    """Return a bound activity that gets and gives references in the place of large payloads.

    It does so only for a run that reads them, which has named itself in what it sends: others send and get plain JSON.
    With `once` it acts once for its key, see `ClaimCheck.once`.
    """
    (name,) = activity.__annotations__.keys() - {"return"}

    def run(**arguments: Any) -> Any:
        given = arguments[name]
        caller = claims.caller_of(given)
        payload = given if caller is None else claims.restore(caller, given)
        act = partial(activity, **{name: payload})
        result = claims.once(caller, activity.__name__, _key_in(payload, activity.__name__), act) if once else act()
        return result if caller is None else claims.shorten(caller, result)

    return in_the_place_of(activity, run, activity.__annotations__)


def check_keyed(function: Callable[..., Any]) -> None:
    """Refuse an activity that is to act once for its key and has none.

    Raises:
        TypeError: Its input is no `Keyed`.
    """
    hints = [hint for name, hint in get_type_hints(function).items() if name != "return"]
    if not any(isinstance(hint, type) and issubclass(hint, Keyed) for hint in hints):
        raise TypeError(
            f"Activity {function.__name__}() cannot act once for a key: its input has none. Derive the model of its "
            "input from durable_agents.Keyed, or register it without once=True."
        )


def _key_in(payload: Any, activity: str) -> str:
    key = payload.get("key") if isinstance(payload, dict) else None
    if not isinstance(key, str) or not key:
        raise ValueError(
            f"Activity {activity!r} acts once for a key and got none. Call it with context.call, or give it a 'key'."
        )
    return key
