"""pip, run with its progress shown, and its failures put into a sentence."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from devhost.project.files import walk

# Bytecode is not made here but when a module is first imported: most of what is installed never is.
PIP_INSTALL = ("-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--no-compile")
_NO_NETWORK = re.compile("ConnectionError|ConnectTimeout|NameResolution|Max retries|name resolution|getaddrinfo|Proxy")
_INSTALLING = "Installing collected packages: "
_MEGABYTE = 1_000_000


class InstallError(Exception):
    """pip failed; the message is the sentence for the user. `changed` says whether it had begun to change `.venv`."""

    def __init__(self, message: str, *, changed: bool) -> None:
        super().__init__(message)
        self.changed = changed


def install(
    title: str, command: list[str], folder: Path, venv_dir: Path, environ: Mapping[str, str] | None = None
) -> None:
    """Run a pip that installs into `venv_dir`, and print one line about it, which moves where that can be seen.

    Raises:
        InstallError: pip failed.
    """
    log = venv_dir / "setup.log"
    started, before = time.monotonic(), _megabytes(venv_dir)
    with log.open("a", encoding="utf-8") as output:
        start = output.tell()
        # close_fds=False: pip inherits the lock of exclusive_setup.
        child = subprocess.Popen(
            command, cwd=folder, env=environ, stdout=output, stderr=subprocess.STDOUT, close_fds=False
        )
        with child:
            while _is_running(child):
                _show(f"  {title}: {_stage(_text(log, start))}, {time.monotonic() - started:.0f} s")
    text = _text(log, start)
    _show("")
    if child.returncode:
        raise InstallError(_explain(text, log), changed=_INSTALLING in text)
    count = _installed(text)
    grown = _megabytes(venv_dir) - before
    packages = "1 package" if count == 1 else f"{count} packages"
    print(f"  {title}: {packages}, {grown:.0f} MB, {time.monotonic() - started:.1f} s", flush=True)


def _is_running(child: subprocess.Popen[bytes]) -> bool:
    try:
        child.wait(timeout=0.2)
    except subprocess.TimeoutExpired:
        return True
    return False


def _show(text: str) -> None:
    """Replace the moving line; a stdout that is no terminal has none."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print("\r" + text[:width].ljust(width) + "\r", end="", flush=True)


def _stage(text: str) -> str:
    if _INSTALLING in text:
        return f"unpacking {_installed(text)} packages"
    return f"{len(re.findall('^Collecting ', text, re.MULTILINE))} packages found"


def _installed(text: str) -> int:
    """Return how many packages pip has said that it installs."""
    return sum(line.count(",") + 1 for line in text.splitlines() if line.startswith(_INSTALLING))


def _text(log: Path, start: int) -> str:
    return log.read_bytes()[start:].decode("utf-8", errors="replace")


def _megabytes(folder: Path) -> float:
    return sum(os.lstat(folder / name).st_size for name in walk(folder)) / _MEGABYTE


def _explain(text: str, log: Path) -> str:
    if _NO_NETWORK.search(text):
        return f"Could not reach the package index. Check the network and the proxy, then try again. Details: {log}"
    errors = [line for line in text.splitlines() if line.startswith("ERROR:")] or ["pip gave no reason."]
    return f"Could not install the requirements. {errors[-1]} Details: {log}"
