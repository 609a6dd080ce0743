"""What a run has to end with, and the check that it did: how long anything else took is no figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

COMPLETED = "Completed"
MISSING = "missing"

RESUMED = "now"
"""What the event says that a paused run waits for."""

EVENTS = 12
"""How many events are raised into each chain that has any."""


class WrongOutcomeError(Exception):
    """Something that was timed did not come out as it has to; the text is a sentence for the reader of the table."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run stands: its status, `Completed` where it is that, and its output, or what is told of its failure."""

    run: str
    status: str
    output: object


def digest(results: Iterable[int]) -> int:
    """Return a number that is another when a result is missing, wrong or in another's place."""
    return sum(place * (result + 1) for place, result in enumerate(results, 1))


def expected(orchestration: str, size: int) -> object:
    """Return the output with which every engine has to complete an orchestration.

    Raises:
        KeyError: There is no such orchestration.
    """
    steps = digest(range(size))
    return {
        "chain": steps,
        "fan_out": steps,
        "jittered_chain": steps,
        "wait_for_go": RESUMED,
        "deaf_chain": [steps],
        "listening_chain": [steps, *range(EVENTS)],
    }[orchestration]


def check(runs: Sequence[str], outcomes: Sequence[Outcome], output: object) -> None:
    """See that each of these runs, and no other, has completed with this output.

    Raises:
        WrongOutcomeError: One has not; the first is named.
    """
    if len(set(runs)) < len(runs):
        raise WrongOutcomeError(f"{len(runs)} runs were started, but they have only {len(set(runs))} ids.")
    found = {one.run: one for one in outcomes}
    for run in runs:
        one = found.pop(run, Outcome(run, MISSING, None))
        if one.status != COMPLETED:
            raise WrongOutcomeError(f"Run {run} is {one.status} ({one.output}), expected {COMPLETED} with {output!r}.")
        if type(one.output) is not type(output) or one.output != output:
            raise WrongOutcomeError(f"Run {run} completed with {one.output!r}, expected {output!r}.")
    if found:
        raise WrongOutcomeError(f"There is a run {next(iter(found))} that nobody started.")
