"""`python -m devhost.doctor`, where there is no `dev.py`: the app in this folder, in the environment of this Python."""

import sys
from pathlib import Path

from devhost.doctor.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(sys.prefix)))
