"""Wait until a Functions host lists all functions of an app: `wait_for_functions.py URL FILE --key KEY`.

FILE has the names, one on each line. The exit status is 1 where one is missing when the time is over, and the names of
those that are missing are printed; a function that is listed beside them is one too many and fails too.
"""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

_PAUSE_SECONDS = 0.5


def listed(url: str, key: str) -> set[str]:
    """Return the functions that the host lists, without any as long as it does not answer."""
    request = urllib.request.Request(f"{url}/admin/functions", headers={"x-functions-key": key})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return {function["name"] for function in json.load(answer)}
    except (OSError, urllib.error.URLError, ValueError):
        return set()


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("url")
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", required=True, help="the master key of the host")
    parser.add_argument("--seconds", type=float, default=30)
    given = parser.parse_args()
    expected = set(given.file.read_text(encoding="utf-8").split())
    started = time.monotonic()
    while (found := listed(given.url, given.key)) != expected and time.monotonic() - started < given.seconds:
        time.sleep(_PAUSE_SECONDS)
    for what, names in (("missing", expected - found), ("not of the app", found - expected)):
        if names:
            sys.stdout.write(f"{what}: {', '.join(sorted(names))}\n")
    took = time.monotonic() - started
    sys.stdout.write(f"{len(found)} functions are listed, {len(expected)} expected, after {took:.1f} seconds\n")
    return 0 if expected and found == expected else 1


if __name__ == "__main__":
    sys.exit(main())
