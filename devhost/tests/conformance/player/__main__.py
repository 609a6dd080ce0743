"""Play the recorded cases and the random programs against a host, and compare or record what it answers.

`play` does all of it, on a devhost of its own or on the host at --base. Such a host must be running the app in
`tests/conformance/app` with REFERENCE_SCRATCH naming an empty folder: devhost, or `func start` where the Functions Core
Tools are installed. Needs the standard library only. The exit status is 1 when an answer differs from its recording.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

from .compare import Comparison, compare
from .devhost_process import NoHostError, devhost_process
from .newest import as_newest
from .play import Json
from .programs import generate, play_programs, without_attempts
from .recorded_cases import play_cases

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"


def main(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    status: int = options.run(options)
    return status


def _play(options: argparse.Namespace) -> int:
    try:
        with nullcontext(options.base) if options.base else devhost_process(options.flags) as base:
            cases = as_newest(play_cases(base, workers=options.workers))
            want = as_newest(_read(RECORDINGS / "programs.json"))
            programs = as_newest(play_programs(base, sorted(map(int, want)), options.workers))
    except NoHostError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{options.base or 'devhost'} cannot be reached: {error}\n")
        return 1
    differs = _read(RECORDINGS / "differs.json")
    statuses = (
        _report_cases(compare(_newest_cases(RECORDINGS / "recorded.json"), cases, differs), places=12),
        _report_programs(compare(want, programs)),
    )
    return max(statuses)


def _cases(options: argparse.Namespace) -> int:
    got = play_cases(options.base, options.only, options.workers)
    if options.record:
        return _record(got, options.record)
    result = compare(_newest_cases(options.compare), as_newest(got), _read(options.differs))
    return _report_cases(result, places=0 if options.quiet else 12)


def _report_cases(result: Comparison, places: int) -> int:
    count = f"{result.as_recorded} of {result.played} cases as recorded"
    on_purpose = f"{len(result.on_purpose)} differ on purpose, {len(result.differing)} differ"
    return _report(result, f"{count}, {on_purpose}", places)


def _programs(options: argparse.Namespace) -> int:
    want = {} if options.record else dict(_read(options.compare))
    seeds = range(*options.seeds) if options.record else sorted(map(int, want))
    got = play_programs(options.base, seeds, options.workers, options.patience)
    if options.record:
        return _record(got, options.record)
    if options.patience:
        want, got = without_attempts(want), without_attempts(got)
    return _report_programs(compare(as_newest(want), as_newest(got)))


def _report_programs(result: Comparison) -> int:
    return _report(result, f"{result.as_recorded} of {result.played} programs as recorded", places=6)


def _program(options: argparse.Namespace) -> int:
    sys.stdout.write(json.dumps(generate(options.seed), indent=1, ensure_ascii=False) + "\n")
    return 0


def _report(result: Comparison, summary: str, places: int) -> int:
    lines = [*(result.details(places) if places else ()), summary]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if result.differing else 0


def _read(path: Path) -> Mapping[str, Json]:
    recording: Mapping[str, Json] = json.loads(path.read_text(encoding="utf-8"))
    return recording


def _newest_cases(path: Path) -> Mapping[str, Json]:
    """Read recorded cases, those of 3.14.1 as 3.19.0 answers them."""
    is_ours = path == RECORDINGS / "recorded.json"
    return as_newest(_read(path), _read(RECORDINGS / "newer.json") if is_ours else None)


def _record(answers: Mapping[str, Json], path: Path) -> int:
    path.write_text(json.dumps(answers, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.player", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    play = commands.add_parser(
        "play", help="all cases and programs, on a devhost of its own unless --base names a host"
    )
    play.set_defaults(run=_play)
    play.add_argument("--workers", type=int, default=8, metavar="N", help="how many at once (%(default)s)")
    host = play.add_mutually_exclusive_group()
    host.add_argument("--base", metavar="URL", help="a host that runs already")
    host.add_argument("flags", nargs="*", default=[], metavar="-- FLAG", help="for `devhost start`, as in -- --verify")
    cases = commands.add_parser("cases", help="the recorded cases")
    cases.set_defaults(run=_cases)
    _add_host_options(cases, RECORDINGS / "recorded.json")
    cases.add_argument(
        "--differs", type=Path, metavar="FILE", default=RECORDINGS / "differs.json", help="cases that may differ"
    )
    cases.add_argument("--only", default="", metavar="TEXT", help="the cases whose name contains this text")
    cases.add_argument("--quiet", action="store_true", help="print the count only")
    programs = commands.add_parser("programs", help="the random programs")
    programs.set_defaults(run=_programs)
    _add_host_options(programs, RECORDINGS / "programs.json")
    programs.add_argument("--seeds", nargs=2, type=int, default=(0, 120), metavar="N", help="what to record")
    programs.add_argument(
        "--patience", type=float, default=0, metavar="SECONDS", help="go on trying while the host is away"
    )
    program = commands.add_parser("program", help="show the program of a seed")
    program.set_defaults(run=_program)
    program.add_argument("seed", type=int)
    return parser


def _add_host_options(parser: argparse.ArgumentParser, recording: Path) -> None:
    parser.add_argument("--base", default="http://127.0.0.1:7071", metavar="URL", help="the host (%(default)s)")
    parser.add_argument("--workers", type=int, default=8, metavar="N", help="how many at once (%(default)s)")
    parser.add_argument("--compare", type=Path, default=recording, metavar="FILE", help="the recording to compare with")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the answers there instead of comparing them")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
