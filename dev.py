#!/usr/bin/env python3
"""Set this project up and run it. Needs Python 3.11 or newer and nothing else.

    python3 dev.py start [FLAGS]      serve the app at http://localhost:7071/api (start --help lists the flags)
    python3 dev.py test [FLAGS]       run all tests that are there; flags go to pytest. test tests: those of your app
    python3 dev.py lint               check format, style, types, and that orchestrations are deterministic
    python3 dev.py fix                put format and style right
    python3 dev.py check [FLAGS]      lint, then test
    python3 dev.py inspect [FLAGS]    show runs and entities, also while the app is served (inspect --help)
    python3 dev.py doctor [FLAGS]     say why there are 0 functions, or why a run does not go on (doctor --help)
    python3 dev.py reset [--yes]      delete all runs
    python3 dev.py new FOLDER         make a project of your own; --bare: without the samples
    python3 dev.py upgrade FROM       replace durable_agents/ and devhost/ by those of a newer folder or archive
    python3 dev.py run FILE [ARGS]    run a script with the project's packages
    python3 dev.py lock               resolve the requirements afresh and rewrite constraints.txt
    python3 dev.py clean              remove .venv, what runs left (.devhost with its task hub, .agents) and all caches

In a clone of the template, which has the tests of the libraries too:

    python3 dev.py conformance        play what Azure was recorded to answer against devhost; --base URL: another host
    python3 dev.py bench [FLAGS]      measure devhost beside other engines; --quick: soon done, --only ROW: one row
    python3 dev.py release            write down what the libraries consist of now, for upgrades to compare with

Commands install what they need into `.venv`, once and when the requirement files or the interpreter changed. Any number
of them may run at the same time, and any may be killed at any moment. What they do is in devhost/project/.
"""

import os
import sys

# An older Python must get this far to be told so: everything in this file parses on Python 3.6.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        "This project needs Python 3.11 or newer, and {} is Python {}.{}. Install a newer one from "
        "https://www.python.org/downloads/ and run dev.py with it.".format(sys.executable, *sys.version_info[:2])
    )

from pathlib import Path

ROOT = Path(__file__).resolve().parent
# The last two: an upgrade that was killed while it replaced devhost/.
PLACES = [place for place in (".", ".upgrade/new", ".upgrade/old") if (ROOT / place / "devhost" / "project").is_dir()]

if __name__ == "__main__":
    if not PLACES:
        sys.exit("dev.py needs the folder devhost/ beside it, which is missing.")
    sys.path.insert(0, os.fspath(ROOT / PLACES[0]))
    from devhost.project.commands import main

    sys.exit(main(ROOT, sys.argv[1:], __doc__))
