"""Who processes which target: one owner at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """The right to process a target, until its holder gives it back."""

    target: str
    _claims: Claims

    def give_back(self) -> None:
        """Let the next one take the target.

        Raises:
            RuntimeError: It was given back before.
        """
        if self._claims.holders.get(self.target) is not self:
            raise RuntimeError(f"{self.target}: this claim has been given back already")
        del self._claims.holders[self.target]


class Claims:
    """Whoever takes a target's claim is the only one to process that target, until it gives the claim back.

    It does so in the step in which it sees that nothing is left to process, so that what comes later finds the target
    free. May be used on any thread: taking a claim is one atomic step.
    """

    def __init__(self) -> None:
        self.holders: dict[str, Claim] = {}

    def take(self, target: str) -> Claim | None:
        """Return the target's claim, or None while somebody has it."""
        claim = Claim(target, self)
        return claim if self.holders.setdefault(target, claim) is claim else None
