"""The commands of dev.py, each a function of the project's folder and the flags it was given."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from devhost.project import chosen_tests, cleaning, lock, manifest, new, upgrade
from devhost.project.environment import BENCH, EVERYTHING, OTLP, START, TOOLS, ensure_venv
from devhost.project.processes import become, run_child
from devhost.project.replacement import finish_replacement
from devhost.project.usage import UsageError, no_flags

Command = Callable[[Path, list[str]], int]

_WELCOME = "welcome.txt"
_FORMAT = ("ruff", "format", ".")
_DETERMINISM = "durable_agents/determinism"
_LINT_STEPS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    (_DETERMINISM.replace("/", "."), "."),
    ("mypy",),
)
_FIX_STEPS = (("ruff", "check", "--fix", "."), _FORMAT)


def main(root: Path, arguments: list[str], usage: str) -> int:
    """Run one command and return its exit status; `SystemExit` carries the sentence the user reads on failure."""
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(usage.strip())
        return 0
    name, *flags = arguments
    if name not in COMMANDS:
        sys.exit(f"dev.py has no command {name!r}. It has: {', '.join(COMMANDS)}.")
    try:
        finish_replacement(root)
        if name not in _RUN_WHERE_TYPED:
            os.chdir(root)
        return COMMANDS[name](root, flags)
    except UsageError as error:
        sys.exit(f"dev.py {name}: {error}")
    except OSError as error:
        sys.exit(f"dev.py {name} could not go on: {error}")
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


def _start(root: Path, flags: list[str]) -> int:
    welcome = ["--welcome", _WELCOME] if (root / _WELCOME).is_file() else []
    files = OTLP if any(flag == "--otlp" or flag.startswith("--otlp=") for flag in flags) else START
    return become([ensure_venv(root, files), "-m", "devhost", "start", *welcome, *flags])


def _inspect(root: Path, flags: list[str]) -> int:
    return become([ensure_venv(root, START), "-m", "devhost", "inspect", *flags])


def _doctor(root: Path, flags: list[str]) -> int:
    # Imported here: the other commands need nothing of devhost but this folder.
    from devhost.doctor.command import main as examine

    return examine(flags, root / ".venv")


def _reset(root: Path, flags: list[str]) -> int:
    return become([ensure_venv(root, START), "-m", "devhost", "reset", *flags])


def _test(root: Path, flags: list[str]) -> int:
    python = ensure_venv(root, chosen_tests.requirements_of(root, flags))
    return become([python, "-m", "pytest", *chosen_tests.worker_flags(root, flags), *flags])


def _lint(root: Path, flags: list[str]) -> int:
    no_flags(flags)
    python = ensure_venv(root, EVERYTHING)
    # A library of another version may be without.
    steps = [step for step in _LINT_STEPS if "." not in step[0] or (root / _DETERMINISM).is_dir()]
    for step in steps:
        status = _step(python, step)
        if status:
            if step[0] == "ruff" and status == 1:
                print("Put right what can be by: python3 dev.py fix", file=sys.stderr)
            return status
    return 0


def _fix(root: Path, flags: list[str]) -> int:
    no_flags(flags)
    python = ensure_venv(root, TOOLS)
    return max(_step(python, step) for step in _FIX_STEPS)


def _check(root: Path, flags: list[str]) -> int:
    return _lint(root, []) or _test(root, flags)


def _conformance(root: Path, flags: list[str]) -> int:
    if not (root / "devhost/tests/conformance/player/__main__.py").is_file():
        raise UsageError("devhost/tests is not part of this project; a clone of the template has it.")
    return become([ensure_venv(root, START), "-m", "devhost.tests.conformance.player", "play", *flags])


def _bench(root: Path, flags: list[str]) -> int:
    if not (root / "devhost/bench/__main__.py").is_file():
        raise UsageError("devhost/bench is not part of this project; a clone of the template has it.")
    return become([ensure_venv(root, BENCH), "-m", "devhost.bench", *flags])


def _run(root: Path, arguments: list[str]) -> int:
    if not arguments:
        raise UsageError("it needs a script: python3 dev.py run examples/triage.py examples/emails")
    return become([ensure_venv(root, TOOLS), *arguments])


def _lock(root: Path, flags: list[str]) -> int:
    no_flags(flags)
    print("Resolving the requirements without constraints.txt ...", flush=True)
    print(f"Pinned {lock.write_constraints(root)} packages in constraints.txt.")
    return 0


def _release(root: Path, flags: list[str]) -> int:
    no_flags(flags)
    for library in manifest.LIBRARIES:
        print(f"{library}/{manifest.NAME}: {manifest.write(root, library)} files")
    return 0


def _clean(root: Path, flags: list[str]) -> int:
    no_flags(flags)
    cleaning.clean(root)
    print("The next command makes .venv anew: some 15 seconds for start, a minute for all tests.")
    return 0


def _step(python: str, step: tuple[str, ...]) -> int:
    print("$", *step, flush=True)
    return run_child([python, "-m", *step])


COMMANDS: dict[str, Command] = {
    "start": _start,
    "test": _test,
    "lint": _lint,
    "fix": _fix,
    "check": _check,
    "inspect": _inspect,
    "doctor": _doctor,
    "reset": _reset,
    "new": new.command,
    "upgrade": upgrade.command,
    "run": _run,
    "lock": _lock,
    "clean": _clean,
    "conformance": _conformance,
    "bench": _bench,
    "release": _release,
}
_RUN_WHERE_TYPED = frozenset({"run", "new", "upgrade"})
