"""Checks an audit log: whether all its entries are there, as they were written, in their order.

python -m durable_agents.audit .agents/audit
python -m durable_agents.audit https://ACCOUNT.blob.core.windows.net/audit      with your own identity: az login
python -m durable_agents.audit FOLDER --has HASH        and whether it still has the entry with this hash
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from azure.core.exceptions import AzureError

from durable_agents.settings.groups import BlobFolder, Folder
from durable_agents.storage.audit_files import AuditFiles, open_audit_files
from durable_agents.storage.audit_lines import BEGINNING
from durable_agents.storage.audit_log import read_log


@dataclass(frozen=True, slots=True)
class AuditFault:
    """The first entry of a log that does not fit, by its file and line, counted from 1, and its id; and why."""

    file: str
    line: int
    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class AuditLogCheck:
    """What a check has found.

    Attributes:
        entries: How many entries there are; one that was repeated after a crash counts once.
        repeated: How many stand there a second time, with the id of the first.
        last_hash: The hash of the last entry. Who keeps it elsewhere sees later whether the log was cut off.
        fault: What does not fit; None where all does.
    """

    entries: int
    repeated: int
    last_hash: str
    fault: AuditFault | None = None


def check_audit_log(files: AuditFiles, has: str | None = None) -> AuditLogCheck:
    """Check a log, up to the first entry that does not fit. With `has`, an entry of this hash must be there as well.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused it.
        OSError: The folder cannot be read.
    """
    ids, hashes, number, repeated = set[str](), set[str](), 0, 0
    file, previous, leads_to = "", BEGINNING, None
    for name, line in read_log(files):
        number = number + 1 if name == file else 1
        reason = None
        if not line.is_whole:
            reason = "It is not as it was written."
        elif line.previous != previous:
            reason = "It does not follow the entry before it: that was changed, or one between them was removed."
        elif name != file and file and name != leads_to:
            reason = f"The file before it ends without leading to {name}."
        if reason is not None:
            return AuditLogCheck(len(ids), repeated, previous, AuditFault(name, number, line.id, reason))
        if line.continued_in is None:
            repeated += line.id in ids
            ids.add(line.id)
        file, previous, leads_to = name, line.hash, line.continued_in
        hashes.add(previous)
    fault = None
    if has is not None and has not in hashes:
        fault = AuditFault(file, number, "", f"No entry has the hash {has}. Entries after this one were removed.")
    elif leads_to is not None and leads_to not in files.names():
        fault = AuditFault(file, number, "", f"The log goes on in {leads_to}, which is missing.")
    return AuditLogCheck(len(ids), repeated, previous, fault)


def main() -> int:
    """Check what the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m durable_agents.audit", description=str(__doc__), formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("place", help="the folder of the log, or the URL of its container")
    parser.add_argument("--has", metavar="HASH", help="of an entry that must be there")
    given = parser.parse_args()
    try:
        found = check_audit_log(open_audit_files(_folder_of(given.place)), given.has)
    except (AzureError, OSError) as error:
        sys.stderr.write(f"The log cannot be read: {error}\n")
        return 2
    if found.fault is None and not found.entries:
        # A removed log, or a wrong name, must not look like one that fits.
        sys.stderr.write(f"There is no entry in {given.place}. Nothing was decided yet, or the log is elsewhere.\n")
        return 2
    again = f", {found.repeated} of them twice" if found.repeated else ""
    if found.fault is None:
        sys.stdout.write(f"All {found.entries} entries fit{again}. The hash of the last is {found.last_hash}\n")
        return 0
    fault = found.fault
    named = f", entry {fault.id!r}" if fault.id else ""
    sys.stdout.write(f"{fault.file}, line {fault.line}{named}: {fault.reason}\n{found.entries} entries before fit.\n")
    return 1


def _folder_of(place: str) -> Folder:
    """Return the folder or the container that is named; the part of an URL before the last slash is the account's."""
    if not place.startswith(("https://", "http://")):
        return Path(place)
    account, _, container = place.rstrip("/").rpartition("/")
    return BlobFolder(account, container)


if __name__ == "__main__":
    sys.exit(main())
