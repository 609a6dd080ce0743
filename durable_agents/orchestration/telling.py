"""Tell reviewers of a request, next to the wait for what they decide."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from durable_agents.activities.notify_reviewer import notify_reviewer
from durable_agents.activities.review_channel import ReviewReceipt
from durable_agents.orchestration.attempts import DEFAULT_RETRY, attempt, pause
from durable_agents.orchestration.steps import Fiber, Steps

UNTOLD = "The reviewers could not be told of this. It can be decided all the same."
NO_KEY = "The reviewers are told as soon as the app has the key of their links. It can be decided all the same."
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=30)


class Telling(Fiber):
    """Has the reviewers told. Its outcome is the receipt, or None if they could not be told in all attempts.

    While the app has no key to sign their links with, it `waits_for_key` and tries again, after ever longer pauses: it
    ends when it is cancelled, at the latest. `context` is the SDK's, `read` makes a receipt of what the activity gives.
    """

    def __init__(self, context: Any, payload: Any, read: Callable[[Any], Any] = lambda receipt: receipt) -> None:
        self.waits_for_key = False
        super().__init__(self._tell(context, payload, read))

    @property
    def note(self) -> str | None:
        """What is to be said of it where the request is shown."""
        if self.has_ended and self.outcome() is None:
            return UNTOLD
        return NO_KEY if self.waits_for_key else None

    def _tell(self, context: Any, payload: Any, read: Callable[[Any], Any]) -> Steps[ReviewReceipt | None]:
        wait = _FIRST_PAUSE
        while True:
            try:
                given = yield from attempt(context, notify_reviewer.__name__, payload, DEFAULT_RETRY)
            except Exception:
                # The SDK has no class for it. Whoever knows of the request can decide on it all the same.
                return None
            receipt = ReviewReceipt.model_validate(read(given))
            self.waits_for_key = receipt.channel == "none"
            if not self.waits_for_key:
                return receipt
            yield from pause(context, wait)
            wait = min(2 * wait, _LONGEST_PAUSE)
