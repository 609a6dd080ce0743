"""python -m durable_agents.determinism FOLDER...

Says what keeps the orchestrations of the apps in these folders from doing the same in every replay, a line for each,
with file, line and fix. Ends with 1 if there is anything, with 2 if a folder is not there.
"""

import sys
from pathlib import Path

from durable_agents.determinism.findings import EXCUSE
from durable_agents.determinism.folders import check_folder


def main(arguments: list[str]) -> int:
    """Check the folders, and return the exit status."""
    if not arguments or arguments[0].startswith("-"):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    folders = [Path(argument) for argument in arguments]
    if missing := [str(folder) for folder in folders if not folder.is_dir()]:
        sys.stderr.write(f"There is no folder {', '.join(missing)}.\n")
        return 2
    findings = sorted({finding for folder in folders for finding in check_folder(folder)})
    sys.stdout.write("".join(f"{finding}\n" for finding in findings))
    if findings:
        sys.stderr.write(
            f"Lines that keep an orchestration from doing the same in every replay: {len(findings)}. {EXCUSE}\n"
        )
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
