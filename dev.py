#!/usr/bin/env python3
"""Set this project up and run it. Needs Python 3.11 or newer and nothing else.

    python3 dev.py start [FLAGS]      serve the app at http://localhost:7071/api (start --help lists the flags)
    python3 dev.py test [FLAGS]       run the tests; flags go to pytest
    python3 dev.py lint               check format, style and types
    python3 dev.py check [FLAGS]      lint, then test
    python3 dev.py conformance        play what Azure was recorded to answer against devhost; --base URL: another host
    python3 dev.py bench [FLAGS]      measure devhost beside other engines; --quick: soon done, --only ROW: one row
    python3 dev.py run FILE [ARGS]    run a script with the project's packages
    python3 dev.py lock               resolve the requirements afresh and rewrite constraints.txt
    python3 dev.py clean              remove .venv, what runs left (.devhost with its task hub, .agents) and all caches

Every command but lock and clean makes `.venv` when it is missing, and makes it anew when the requirement files or the
interpreter changed. Any number of them may run at the same time, and any may be killed at any moment.
"""

import sys

# An older Python must get this far to be told so: everything in this file parses on Python 3.6.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        "This project needs Python 3.11 or newer, and {} is Python {}.{}. Install a newer one from "
        "https://www.python.org/downloads/ and run dev.py with it.".format(sys.executable, *sys.version_info[:2])
    )

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.sha256"
CONSTRAINTS = ROOT / "constraints.txt"
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt", "requirements-devhost.txt")
CACHES = (".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "build")

PIP_INSTALL = ("pip", "install", "--no-input", "--disable-pip-version-check")
SETUP_STEPS = (
    ("ensurepip", "--default-pip"),
    (*PIP_INSTALL, "-r", "requirements-dev.txt"),
    (*PIP_INSTALL, "--no-deps", "--ignore-requires-python", "-r", "requirements-devhost.txt"),
)
BENCH_STEPS = ((*PIP_INSTALL, "-r", "requirements-bench.txt"),)
LINT_STEPS = (("ruff", "format", "--check", "."), ("ruff", "check", "."), ("mypy",))
NO_NETWORK = re.compile("ConnectionError|ConnectTimeout|NameResolution|Max retries|name resolution|getaddrinfo|Proxy")


def main(arguments: list[str]) -> int:
    """Run one command and return its exit status; `SystemExit` carries the sentence the user reads on failure."""
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(__doc__.strip())
        return 0
    name, *flags = arguments
    if name not in COMMANDS:
        sys.exit(f"dev.py has no command {name!r}. It has: {', '.join(COMMANDS)}.")
    if flags and name in {"lint", "lock", "clean"}:
        sys.exit(f"dev.py {name} takes no arguments, but got: {' '.join(flags)}")
    if name != "run":
        os.chdir(ROOT)
    try:
        return COMMANDS[name](flags)
    except OSError as error:
        sys.exit(f"dev.py {name} could not go on: {error}")
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


def start(flags: list[str]) -> int:
    return become([ensure_venv(), "-m", "devhost", "start", "--welcome", "docs/welcome.txt", *flags])


def test(flags: list[str]) -> int:
    # Most tests wait for processes: one more worker than processors. Later flags win: `-n 0` runs them in this process.
    parallel = ("-n", str((os.cpu_count() or 1) + 1), "--dist", "worksteal")
    return become([ensure_venv(), "-m", "pytest", *parallel, *flags])


def lint(_flags: list[str]) -> int:
    python = ensure_venv()
    for step in LINT_STEPS:
        print("$", *step, flush=True)
        status = run_child([python, "-m", *step])
        if status:
            return status
    return 0


def check(flags: list[str]) -> int:
    return lint([]) or test(flags)


def conformance(flags: list[str]) -> int:
    return become([ensure_venv(), "-m", "tests.conformance.player", "play", *flags])


def bench(flags: list[str]) -> int:
    """Measure, with the other engines installed into `.venv` too: nothing that is pinned there changes with them."""
    python = ensure_venv()
    with exclusive_setup():
        install(python, BENCH_STEPS, ROOT, VENV / "bench.log")
    return become([python, "-m", "bench", *flags])


def run(arguments: list[str]) -> int:
    if not arguments:
        sys.exit("dev.py run needs a script: python3 dev.py run examples/triage.py examples/emails")
    return become([ensure_venv(), *arguments])


def lock(_flags: list[str]) -> int:
    """Rewrite constraints.txt with the version of every package that the direct pins bring in today."""
    folder = ROOT / "build" / "lock"
    remove(folder)
    folder.mkdir(parents=True)
    for name in REQUIREMENTS:
        shutil.copy(ROOT / name, folder)
    (folder / CONSTRAINTS.name).touch()
    print("Resolving the requirements without constraints.txt ...", flush=True)
    python = build_venv(folder / "venv", folder)
    frozen = subprocess.run([python, "-m", "pip", "freeze"], check=True, capture_output=True, text=True).stdout
    direct = {pinned_name(line) for name in REQUIREMENTS for line in (ROOT / name).read_text().splitlines()}
    lines = [line for line in frozen.splitlines() if pinned_name(line) not in direct]
    header = "# Every package that the direct pins bring in. Written by: python3 dev.py lock\n"
    CONSTRAINTS.write_text(header + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"Pinned {len(lines)} packages in {CONSTRAINTS.name}.")
    return 0


def clean(_flags: list[str]) -> int:
    """Remove what the other commands made, never following a link out of the project."""
    found = [ROOT / name for name in (".devhost", *CACHES)]
    found += kept_state()
    for folder, names, _files in os.walk(ROOT):
        names[:] = [name for name in names if name not in {".git", ".venv"}]
        found += [Path(folder, name) for name in names if name == "__pycache__"]
    with exclusive_setup():
        STAMP.unlink(missing_ok=True)
        for path in [VENV, *found]:
            if remove(path):
                print("removed", path.relative_to(ROOT))
    return 0


def kept_state() -> list[Path]:
    """Return what runs left in `.agents`. The folder itself stays: the Functions host restarts when one appears."""
    folder = ROOT / ".agents"
    if folder.is_symlink() or not folder.is_dir():
        return [folder]
    return [path for path in folder.iterdir() if path.name != ".gitkeep"]


COMMANDS = {command.__name__: command for command in (start, test, lint, check, conformance, bench, run, lock, clean)}


def ensure_venv() -> str:
    """Return the interpreter of an up-to-date `.venv`, making it first when needed.

    The stamp is removed before and written after everything else, so a `.venv` that has the right one is whole.
    """
    if is_current():
        return interpreter(VENV)
    with exclusive_setup():
        if is_current():
            return interpreter(VENV)
        version = ".".join(map(str, sys.version_info[:3]))
        print(f"Installing the pinned packages into .venv for Python {version} (only when they change) ...", flush=True)
        STAMP.unlink(missing_ok=True)
        remove(VENV)
        python = build_venv(VENV, ROOT)
        STAMP.write_text(fingerprint(), encoding="ascii")
        return python


def is_current() -> bool:
    return STAMP.is_file() and STAMP.read_text(encoding="ascii") == fingerprint() and os.path.exists(interpreter(VENV))


def fingerprint() -> str:
    """Return a hash of what `.venv` is made from: interpreter, place on disk, requirement files."""
    parts = [sys.version.encode(), os.fsencode(sys.base_prefix), os.fsencode(VENV)]
    parts += [(ROOT / name).read_bytes() for name in (*REQUIREMENTS, CONSTRAINTS.name)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def build_venv(venv_dir: Path, folder: Path) -> str:
    """Make a virtual environment, install the requirement files found in `folder`, and return its interpreter."""
    if not all(importlib.util.find_spec(module) for module in ("venv", "ensurepip")):
        package = "python{}.{}-venv".format(*sys.version_info[:2])
        sys.exit(f"This Python cannot make virtual environments. On Debian and Ubuntu: sudo apt install {package}")
    import venv

    venv.EnvBuilder(symlinks=os.name != "nt").create(venv_dir)
    python = interpreter(venv_dir)
    install(python, SETUP_STEPS, folder, venv_dir / "setup.log")
    return python


def install(python: str, steps: Iterable[tuple[str, ...]], folder: Path, log: Path) -> None:
    """Run modules of `python` one after the other in `folder`, or exit with the reason found in their output."""
    with log.open("w", encoding="utf-8") as output:
        for step in steps:
            command = [python, "-m", *step]
            # close_fds=False: pip inherits the lock of exclusive_setup.
            if subprocess.run(command, cwd=folder, stdout=output, stderr=output, close_fds=False).returncode:
                sys.exit(explain_failure(log))


def explain_failure(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace")
    if NO_NETWORK.search(text):
        return f"Could not reach the package index. Check the network and the proxy, then try again. Details: {log}"
    errors = [line for line in text.splitlines() if line.startswith("ERROR:")] or ["pip gave no reason."]
    return f"Could not install the requirements. {errors[-1]} Details: {log}"


@contextlib.contextmanager
def exclusive_setup() -> Iterator[None]:
    """Hold the one lock under which `.venv` changes, waiting for its present holder.

    The lock is on this very file, so that it leaves nothing behind. The system drops it when its last holder is gone;
    on POSIX the pip that we start is a holder too, so nobody rebuilds under a pip that outlived a killed dev.py.
    """
    with open(ROOT / "dev.py", "r+b") as file:
        os.set_inheritable(file.fileno(), True)
        if not try_lock(file):
            print("Another dev.py is setting up .venv; waiting for it ...", flush=True)
            while not try_lock(file):
                time.sleep(0.1)
        yield


def try_lock(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            file.seek(1 << 30)  # beyond the end: a locked byte cannot be read by others on Windows
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def remove(path: Path) -> bool:
    """Remove a file, a link (not what it points to) or a whole folder, and say whether it was there."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        return False
    return True


def interpreter(venv_dir: Path) -> str:
    return str(venv_dir / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def pinned_name(line: str) -> str:
    """Return the normalised name in a `name==version` line, or an empty string for any other line."""
    name, separator, _version = line.partition("==")
    return re.sub(r"[-_.]+", "-", name).lower() if separator else ""


def become(command: list[str]) -> int:
    """Turn this process into `command`, so that every signal reaches it. Windows cannot: run it as a child there."""
    sys.stdout.flush()
    if os.name == "nt":
        return run_child(command)
    os.execv(command[0], command)


def run_child(command: list[str]) -> int:
    """Run `command` and return its exit status. Ctrl+C reaches the child too: wait for the end it makes of it."""
    with subprocess.Popen(command) as process:
        while True:
            try:
                status = process.wait()
            except KeyboardInterrupt:
                continue
            return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
