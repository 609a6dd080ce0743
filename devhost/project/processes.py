"""Programs that a command becomes or waits for."""

import os
import subprocess
import sys


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
