"""The crash app on a host that may be killed, and the effects that the app had."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from devhost.testing.kills.supervised_host import SupervisedHost

APP = Path(__file__).with_name("app")


class CrashHost(SupervisedHost):
    """The crash app; what is `mended` is a file that says so."""

    def __init__(
        self, folder: Path, flags: Sequence[str] = (), *, is_killed: bool = True, patience: float = 25
    ) -> None:
        self.mended = folder / "mended"
        self._effects = folder / "effects.txt"
        environment = {
            "CRASH_EFFECTS": str(self._effects),
            "CRASH_MENDED": str(self.mended),
            "REFERENCE_SCRATCH": str(folder),
        }
        super().__init__(folder, APP, flags, is_killed=is_killed, patience=patience, environment=environment)

    def effects(self) -> Counter[tuple[str, str]]:
        """Return how often each effect happened, by run and key."""
        if not self._effects.exists():
            return Counter()
        lines = self._effects.read_text(encoding="utf-8").splitlines()
        return Counter((run, key) for run, key in (line.split("\t") for line in lines))

    def effects_of(self, run: str) -> Counter[str]:
        """Return how often each effect of one run happened."""
        return Counter({key: number for (one, key), number in self.effects().items() if one == run})
