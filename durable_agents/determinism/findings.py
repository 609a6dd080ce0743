"""What is wrong with an orchestration: where, what, and how to put it right."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Form: TypeAlias = Literal["typed", "raw"]
"""How an orchestration is written: with `OrchestrationContext`, or with the context of the SDK."""

EXCUSE = "A line that is right as it is says why: `# deterministic: the reason`."
"""How to say that a finding is none."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One line that keeps an orchestration from doing the same in every replay."""

    path: str
    line: int
    code: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.code}: {self.what} {self.fix}"


class DeterminismError(ValueError):
    """Orchestrations of the app may do something else when they are replayed; `findings` has every line."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = sorted(set(findings))
        super().__init__(
            "The app does not start, for its orchestrations may do something else when they are replayed:\n  "
            + "\n  ".join(map(str, self.findings))
            + f"\n{EXCUSE}"
        )


def shown_path(path: Path) -> str:
    """Return a path as it is shown: relative to the current folder when it is in it."""
    try:
        return os.fspath(path.relative_to(Path.cwd()))
    except ValueError:
        return os.fspath(path)
