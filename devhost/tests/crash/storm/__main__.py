"""`python -m tests.crash.storm --minutes 20 --mode verify --restless --kill-every 2`: a storm as long as one likes."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path

from devhost.sessions import Mode
from devhost.tests.crash.storm.caller import SHAPES
from devhost.tests.crash.storm.storm import Weather, storm


def main() -> int:
    """Make a storm, say what came of it, and return 0 if all promises were kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.storm")
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--mode", type=Mode, default=Mode.LIVE, help="live, verify or replay")
    parser.add_argument("--shape", choices=SHAPES, default="mixed")
    parser.add_argument("--restless", action="store_true", help="threads take turns every microsecond")
    parser.add_argument("--early-timers", action="store_true")
    parser.add_argument("--kill-every", type=float, metavar="SECONDS", help="kill -9 the host each time")
    parser.add_argument("--patience", type=float, default=60, help="how many seconds a run may take")
    given = parser.parse_args()
    weather = Weather(
        seed=given.seed,
        mode=given.mode,
        shape=given.shape,
        is_restless=given.restless,
        early_timers=given.early_timers,
        kill_seconds=given.kill_every,
        patience=given.patience,
    )
    folder = Path(tempfile.mkdtemp(prefix="storm-"))
    print(f"{weather}, in {folder}", flush=True)
    began = time.monotonic()
    try:
        outcome = storm(folder, weather, given.minutes * 60)
    except AssertionError:
        traceback.print_exc(file=sys.stdout)
        return 1
    print("\n".join(outcome.faults[:20]))
    print(
        f"{outcome.runs} runs, {outcome.requests} requests, {outcome.kills} kills in "
        f"{time.monotonic() - began:.0f} s: {len(outcome.faults)} faults. {outcome.lives}"
    )
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
