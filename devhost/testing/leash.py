"""Run a command that ends when its parent does: `python leash.py COMMAND ...`, with a pipe as standard input.

A line `stop` interrupts the command, as Ctrl+C does. Once the parent closes the pipe, or is gone, the command is killed
with everything it has started. POSIX only.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from typing import IO


class Leashed:
    """A command on its leash, as the parent sees it."""

    def __init__(self, command: list[str], cwd: str | os.PathLike[str], env: dict[str, str], log: IO[bytes]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, *command], stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=cwd, env=env
        )

    def runs(self) -> bool:
        """Say whether the command has not ended."""
        return self.process.poll() is None

    def stop(self, seconds: float) -> int:
        """Interrupt the command and return its exit status; when it takes longer than that, it is killed."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"stop\n")
        self.process.stdin.flush()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """Kill the command with everything it has started, and return its exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=20)


def main(command: list[str]) -> int:
    """Run the command and return its exit status."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    # Ctrl+C at a terminal is for the parent, which then lets go of the leash.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    descendants: list[int] = []
    threading.Thread(target=_obey, args=(child, descendants), daemon=True).start()
    status = child.wait()
    for process in descendants:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return status if status >= 0 else 128 - status


def _obey(child: "subprocess.Popen[bytes]", descendants: list[int]) -> None:
    """Signal the command as the parent says; who descends from it is only to be seen while it lives."""
    for _line in sys.stdin:
        descendants += descendants_of(child.pid)
        child.send_signal(signal.SIGINT)
    descendants += descendants_of(child.pid)
    child.kill()


def descendants_of(root: int) -> dict[int, str]:
    """Return all processes that descend from one, parents first, with their command lines."""
    children = defaultdict(list)
    commands = {}
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], check=True, capture_output=True, text=True)
    for line in listed.stdout.splitlines():
        process, parent, command = line.split(maxsplit=2)
        children[int(parent)].append(int(process))
        commands[int(process)] = command
    found = list(children[root])
    for one in found:
        found += children[one]
    return {one: commands[one] for one in found}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
