"""Whatever work item a host is killed at, before, within or after its commit, the run ends as if nothing had been.

Each row kills a host once or more. What was committed is never done again; what was done and not committed is done once
more, and nothing else is.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, groupby
from pathlib import Path

import pytest

from devhost.testing.kills.kill_plan import Kill, KillPlan, Point, When
from devhost.testing.kills.supervised_host import PLAN_FILE
from devhost.tests.crash import errands
from devhost.tests.crash.crash_host import CrashHost
from devhost.tests.crash.stories import (
    EVERYTHING,
    FAILING,
    MENDED,
    PURGED,
    SIGNALLED,
    SUSPENDED,
    TERMINATED,
    Story,
    Teller,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")

BEFORE, WITHIN, AFTER = When
NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Row:
    """A story and its kills. `again` happen once more than without; `perhaps` may, since they ran when it came."""

    story: Story
    kills: tuple[Kill, ...]
    again: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the row in words."""
        kills = [(str(kill), len(list(same))) for kill, same in groupby(self.kills)]
        return f"{self.story.name}: " + ", ".join(
            f"{number} x {kill}" if number > 1 else kill for kill, number in kills
        )


def around(
    story: Story, point: Point, nth: int = 1, *, again: tuple[str, ...] = (), perhaps: tuple[str, ...] = ()
) -> Iterator[Row]:
    """Return three rows, the kill before a commit, within and after it; only then are its effects done for good."""
    yield Row(story, (Kill(BEFORE, point, nth),), again, perhaps)
    yield Row(story, (Kill(WITHIN, point, nth),), again, perhaps)
    yield Row(story, (Kill(AFTER, point, nth),))


# The entity may still be at these when the event comes.
SIGNALS = ("signalled", "signalled too")
COMMITS = [
    *around(EVERYTHING, Point.START),
    *around(EVERYTHING, Point.TURN_STARTED),
    *around(EVERYTHING, Point.TURN_ACTIVITY, perhaps=("second",)),
    *around(EVERYTHING, Point.TURN_ACTIVITY, 2, perhaps=("inner",)),
    *around(EVERYTHING, Point.TURN_ACTIVITY_FAILED, perhaps=("bad",)),
    *around(EVERYTHING, Point.TURN_ACTIVITY_FAILED, 2, perhaps=("bad",)),
    *around(EVERYTHING, Point.TURN_TIMER),
    *around(EVERYTHING, Point.TURN_RETRY_TIMER, perhaps=("bad",)),
    *around(EVERYTHING, Point.TURN_RETRY),
    *around(EVERYTHING, Point.TURN_CHILD_STARTED),
    *around(EVERYTHING, Point.TURN_CHILD),
    *around(EVERYTHING, Point.TURN_CHILD_FAILED),
    *around(EVERYTHING, Point.TURN_REPLY),
    *around(EVERYTHING, Point.TURN_EVENT, perhaps=SIGNALS),
    *around(EVERYTHING, Point.TURN_CONTINUES, perhaps=("first",)),
    *around(EVERYTHING, Point.TURN_STARTED, 2),
    *around(EVERYTHING, Point.TURN_FAILS),
    *around(EVERYTHING, Point.TURN_COMPLETES, perhaps=("inner",)),
    *around(EVERYTHING, Point.TURN_COMPLETES, 2, perhaps=("last",)),
    *around(EVERYTHING, Point.EVENT, perhaps=SIGNALS),
    *around(EVERYTHING, Point.ACTIVITY_RESULT, 1, again=("first",)),
    *around(EVERYTHING, Point.ACTIVITY_RESULT, 3, again=("bad",)),
    *around(EVERYTHING, Point.ACTIVITY_RESULT, 4, again=("bad",)),
    *around(EVERYTHING, Point.ACTIVITY_RESULT, 5, again=("inner",)),
    *around(EVERYTHING, Point.ENTITY_BATCH, 1, again=("called",)),
    *around(EVERYTHING, Point.ENTITY_BATCH, 2, again=("signalled",)),
    *around(FAILING, Point.TURN_FAILS),
    *around(SUSPENDED, Point.SUSPEND),
    *around(SUSPENDED, Point.TURN_SUSPENDED),
    *around(SUSPENDED, Point.EVENT),
    *around(SUSPENDED, Point.RESUME),
    *around(SUSPENDED, Point.TURN_RESUMED),
    *around(TERMINATED, Point.TERMINATE),
    *around(TERMINATED, Point.TURN_TERMINATED),
    Row(PURGED, (Kill(BEFORE, Point.PURGE),)),
    Row(PURGED, (Kill(AFTER, Point.PURGE),)),
    *around(MENDED, Point.REWIND),
    *around(MENDED, Point.ACTIVITY_RESULT, 4, again=("weak",)),
    *around(MENDED, Point.TURN_FAILS, 2),
    *around(SIGNALLED, Point.SIGNAL),
    *around(SIGNALLED, Point.ENTITY_BATCH, 2, again=("from outside",)),
]

# What runs at once may run again, unless it is committed, and may be committed together.
FAN = ("left", "middle", "right", "last")
FANS = [
    Row(EVERYTHING, (Kill(BEFORE, Point.ACTIVITY_RESULT, 6),), perhaps=FAN),
    Row(EVERYTHING, (Kill(AFTER, Point.ACTIVITY_RESULT, 6),), perhaps=FAN),
    Row(EVERYTHING, (Kill(BEFORE, Point.ACTIVITY_RESULT, 7),), perhaps=FAN),
    Row(EVERYTHING, (Kill(AFTER, Point.ACTIVITY_RESULT, 7),), perhaps=FAN),
]

USER_CODE = [
    Row(EVERYTHING, (Kill(BEFORE, Point.IN_ACTIVITY),)),
    Row(EVERYTHING, (Kill(AFTER, Point.IN_ACTIVITY),), again=("first",)),
    Row(EVERYTHING, (Kill(BEFORE, Point.IN_ACTIVITY, 4),)),
    Row(EVERYTHING, (Kill(AFTER, Point.IN_ACTIVITY, 4),), again=("bad",)),
    Row(EVERYTHING, (Kill(BEFORE, Point.IN_ENTITY),)),
    Row(EVERYTHING, (Kill(AFTER, Point.IN_ENTITY),), again=("called",)),
    Row(EVERYTHING, (Kill(BEFORE, Point.IN_ENTITY, 2),)),
    Row(EVERYTHING, (Kill(AFTER, Point.IN_ENTITY, 2),), again=("signalled",)),
    Row(EVERYTHING, (Kill(BEFORE, Point.IN_ORCHESTRATOR),)),
    Row(EVERYTHING, (Kill(BEFORE, Point.IN_ORCHESTRATOR, 3),), perhaps=("first",)),
    Row(EVERYTHING, (Kill(BEFORE, Point.IN_ORCHESTRATOR, 5),), perhaps=("first", "second", "bad")),
    Row(EVERYTHING, (Kill(AFTER, Point.IN_ORCHESTRATOR),), perhaps=("first",)),
    Row(EVERYTHING, (Kill(AFTER, Point.IN_ORCHESTRATOR, 3),), perhaps=("inner", "last")),
]

RECOVERY = [
    Row(EVERYTHING, (Kill(AFTER, Point.START), Kill(BEFORE, Point.OPENING), Kill(AFTER, Point.OPENING))),
    Row(EVERYTHING, (Kill(AFTER, Point.START), Kill(BEFORE, Point.COMMIT), Kill(AFTER, Point.COMMIT))),
    Row(EVERYTHING, (Kill(AFTER, Point.TURN_STARTED), *[Kill(BEFORE, Point.COMMIT)] * 3), again=("first",) * 3),
    Row(EVERYTHING, (Kill(AFTER, Point.TURN_TIMER), *[Kill(AFTER, Point.COMMIT)] * 12), perhaps=(*SIGNALS, *FAN)),
    Row(EVERYTHING, (Kill(BEFORE, Point.TURN_CHILD), *[Kill(BEFORE, Point.COMMIT), Kill(AFTER, Point.COMMIT)] * 3)),
    Row(EVERYTHING, (Kill(AFTER, Point.IN_ENTITY),) * 3, again=("called",) * 3),
    Row(MENDED, (Kill(AFTER, Point.REWIND), Kill(BEFORE, Point.COMMIT), Kill(AFTER, Point.COMMIT)), again=("weak",)),
    Row(TERMINATED, (Kill(AFTER, Point.TERMINATE), Kill(BEFORE, Point.COMMIT), Kill(AFTER, Point.COMMIT))),
]


ROWS = [*COMMITS, *FANS, *USER_CODE, *RECOVERY]
SMOKE = (Point.START, Point.TURN_ACTIVITY, Point.ACTIVITY_RESULT, Point.ENTITY_BATCH, Point.IN_ACTIVITY)


def is_smoke(row: Row) -> bool:
    """Whether a row is one of the few that show the whole works."""
    return row.story is EVERYTHING and row.kills[0].point in SMOKE and row.kills[0].nth == 1


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=str(row), marks=[pytest.mark.smoke] if is_smoke(row) else []) for row in ROWS]
)
def test_a_run_ends_as_if_nothing_had_been(crashing: CrashHost, row: Row) -> None:
    teller = Teller(crashing, f"run{next(NUMBERS)}", row.story.steps, row.kills)
    crashing.plan.arm(row.kills)

    row.story.tell(teller)

    assert crashing.plan.left() == [], "not every kill has happened"
    least = errands.effects(row.story.steps) + row.story.extra + Counter(row.again)
    most = least + Counter(row.perhaps)
    got = crashing.effects_of(teller.run)
    assert least <= got <= most, f"{got}, expected {least}" + (f" to {most}" if row.perhaps else "")


def test_the_file_is_sound_after_all_these_kills(crashing: CrashHost) -> None:
    assert crashing.rows("PRAGMA integrity_check") == [("ok",)]
    assert crashing.rows("SELECT count(*) FROM messages") == [(0,)]


def test_a_new_file_survives_kills_too(tmp_path: Path) -> None:
    kills = [Kill(BEFORE, Point.OPENING), Kill(AFTER, Point.OPENING), Kill(BEFORE, Point.START)]
    KillPlan(tmp_path / PLAN_FILE).arm(kills)
    host = CrashHost(tmp_path)
    try:
        FAILING.tell(Teller(host, "run", FAILING.steps, kills))
        assert host.plan.left() == []
        assert host.effects_of("run") == errands.effects(FAILING.steps)
    finally:
        host.close()
