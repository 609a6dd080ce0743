"""The command line: `python -m devhost.bench` measures and prints two Markdown tables."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError
from pathlib import Path

from devhost.bench import machine, table
from devhost.bench.agent_answers import agent_answers
from devhost.bench.agent_turns import agent_turns
from devhost.bench.contenders import DEVHOST, VARIANTS
from devhost.bench.figures import Line
from devhost.bench.outcomes import WrongOutcomeError
from devhost.bench.over_http import short_runs
from devhost.bench.paused import paused_runs
from devhost.bench.peer_process import PeerError
from devhost.bench.recovery import recovery, repeats
from devhost.bench.runs import chain, chains_with_events, commits, event, fan_out, long_chain, parallel_chains
from devhost.bench.stage import Scale, Stage
from devhost.bench.startup import start_to_ready

_ROWS: dict[str, Callable[[Stage], list[Line]]] = {
    "chain": chain,
    "long-chain": long_chain,
    "parallel": parallel_chains,
    "fan-out": fan_out,
    "short": short_runs,
    "events": chains_with_events,
    "commits": commits,
    "event": event,
    "paused": paused_runs,
    "recovery": recovery,
    "repeats": repeats,
    "start": start_to_ready,
    "agent": agent_turns,
    "answers": agent_answers,
}
_WHOLE = Scale(variants=VARIANTS, short=15, medium=5, long=3, idle_seconds=10)
_QUICK = Scale(variants=(DEVHOST,), short=5, medium=2, long=1, idle_seconds=2)

_NOTES = """\
Medians, and in brackets the lowest and the highest of all repetitions; none is a best of several. All contenders ran
in this one run and took turns repetition by repetition, each in a process of its own that was asked nothing in the
turns of the others; a ratio is the median of the ratios of single repetitions, above 1 where devhost is better.
Every run that was timed has completed, with the right output: that was read once the clock had stopped, and a row with
a run that failed, is missing or has another output has no figure. Activities return their argument and do nothing,
except after kill -9, where they take up to 20 ms each or 100 to 300 ms, by a seeded random number, and in chains with
events, where they take 0.3 ms. After kill -9 they are coroutines, of which devhost runs all 200 at a time, as
host.json may ask for: plain functions share a few threads. Runs to warm up are not counted: devhost verifies the first
10 runs of each orchestration by replay, so it had 15; only the processes that recover are new. devhost and DBOS wrote
to SQLite files in WAL mode with synchronous NORMAL, checked at run time. In-memory is durabletask's own backend for
tests, which keeps nothing; its client and worker speak gRPC with it inside one process, the only way it has. There is
no HTTP but where the row says so."""


def main(arguments: list[str] | None = None) -> int:
    """Measure the rows asked for, print their tables, and return the exit status."""
    parsed = _parser().parse_args(arguments)
    try:
        measured_on = machine.describe()
    except PackageNotFoundError as error:
        print(f"bench: {error.name} is not installed; python3 dev.py bench installs all it needs.", file=sys.stderr)
        return 1
    load = machine.load()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        stage = Stage(Path(folder), _QUICK if parsed.quick else _WHOLE, stack)
        lines, failures = measure(stage, {name: _ROWS[name] for name in parsed.only or _ROWS})
    print(f"{measured_on}. {machine.idleness(load)}\n\n{table.ratios(lines)}\n")
    if not parsed.quick:
        print(
            f"devhost with sessions on and off, and with the SDK's own reading of times:\n\n{table.variants(lines)}\n"
        )
    print(f"{_NOTES}\nAll of it took {time.monotonic() - started:.0f} s.")
    for name, reason in failures.items():
        print(f"\nThe row {name} has no figure. {reason}")
    return 1 if failures else 0


def measure(stage: Stage, rows: Mapping[str, Callable[[Stage], list[Line]]]) -> tuple[list[Line], dict[str, str]]:
    """Measure rows one after the other; return the lines of those that came out right, and why the others did not."""
    lines: list[Line] = []
    failures: dict[str, str] = {}
    for name, row in rows.items():
        started = time.monotonic()
        try:
            lines += row(stage)
        except PeerError as error:
            print(error, file=sys.stderr)
            failures[name] = error.reason
        except WrongOutcomeError as error:
            failures[name] = str(error)
        if name in failures:
            stage.forget_warm()  # whoever failed has ended, or is not as it was
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return lines, failures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions and no variants of devhost")
    parser.add_argument("--only", action="append", choices=_ROWS, metavar="ROW", help=f"one of {', '.join(_ROWS)}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
