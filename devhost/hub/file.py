"""The SQLite file of a task hub: opened to write or to read, refused in a sentence where it cannot be."""

from __future__ import annotations

import errno
import os
import sqlite3
from importlib import resources
from pathlib import Path

SCHEMA_VERSION = 1

_TABLES = {"instances", "history", "messages", "activities", "entities"}
_OPENING_SECONDS = 5.0  # a reader that closes the file, such as `dev.py inspect`, locks it for a moment


class HubVersionError(Exception):
    """The task hub file was written by a newer devhost."""


class NotATaskHubError(Exception):
    """There is no task hub in the file, or no file."""


class HubFileError(Exception):
    """The file of a task hub cannot be made, read or written, or is damaged."""


class HubGoneError(sqlite3.OperationalError):
    """A file of the task hub was deleted or replaced while it was open: what is written now is in no file."""


class HubFiles:
    """The files of a task hub as they were when it was opened: database, log and lock."""

    def __init__(self, path: Path) -> None:
        log = path.with_name(f"{path.name}-wal")
        self._found = [(str(file), _identity(str(file))) for file in (path, log, lock_path(path)) if file.exists()]

    def check(self) -> None:
        """Make sure that the files are where they were. Takes some microseconds, a commit takes many times that.

        Raises:
            HubGoneError: One was deleted or replaced.
        """
        for file, found in self._found:
            if _identity(file) != found:
                raise HubGoneError(
                    f"{file} was deleted or replaced while this host had it open: nothing is stored until it is back, "
                    "or the host is started anew"
                )


def _identity(file: str) -> tuple[int, int] | None:
    try:
        found = os.stat(file)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def lock_path(hub: Path) -> Path:
    """Return the file that a host locks for as long as it has the task hub open."""
    return hub.with_name(f"{hub.name}.lock")


def open_to_write(path: Path | None) -> sqlite3.Connection:
    """Open a task hub in WAL mode, creating it when absent or empty; None is one in memory.

    Raises:
        HubVersionError: The file has a newer schema than this devhost knows.
        NotATaskHubError: It is something else.
        HubFileError: It cannot be made or written, or is damaged.
    """
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and not os.access(path, os.W_OK):  # SQLite would open it all the same, to read
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            if path.exists() and path.stat().st_nlink > 1:
                # Log and lock go by the name: under another name, another host would write into the same file.
                raise HubFileError(
                    f"The task hub {path} is a file with several names (hard links), so two hosts could write to it: "
                    "leave it one name, or name a copy with --db."
                )
        location = path if path is not None else ":memory:"
        db = sqlite3.connect(location, timeout=_OPENING_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            _prepare(db, path)
        except BaseException:
            db.close()
            raise
    except OSError as ex:
        raise HubFileError(f"The task hub {path} cannot be opened: {ex.strerror}.") from ex
    except sqlite3.OperationalError as ex:
        raise HubFileError(f"The task hub {path} cannot be opened: {ex}.") from ex
    except sqlite3.DatabaseError as ex:
        raise HubFileError(damaged(path, ex)) from ex
    return db


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a task hub without changing it, in a transaction: all that is read is of the same moment.

    Raises:
        NotATaskHubError: There is no such file, or it is something else.
        HubVersionError: It was written by a newer devhost.
        HubFileError: It cannot be opened.
    """
    try:
        if path.is_dir():
            raise NotATaskHubError(f"{path} is a folder, and a task hub is a file: name one with --db.")
        if not path.is_file():
            raise NotATaskHubError(
                f"There is no task hub at {path}. `start` creates one; name the file of another with --db."
            )
        db = _reading(path)
        try:
            if _is_empty(db, path):
                db.close()
                db = sqlite3.connect(":memory:", isolation_level=None)
                db.executescript(_schema())
        except BaseException:
            db.close()
            raise
    except OSError as ex:
        raise HubFileError(f"The task hub {path} cannot be opened: {ex.strerror}.") from ex
    except sqlite3.OperationalError as ex:
        raise HubFileError(f"The task hub {path} cannot be opened: {ex}.") from ex
    except sqlite3.DatabaseError as ex:
        raise NotATaskHubError(f"{path} cannot be read as a task hub: {ex}.") from ex
    return db


def damaged(path: Path | None, reason: object) -> str:
    """Say that a task hub is damaged, and what to do."""
    return (
        f"The task hub {path} is damaged ({reason}). Name another file with --db, or delete this one with "
        "`devhost reset`; `devhost inspect` may still read parts of it."
    )


def _prepare(db: sqlite3.Connection, path: Path | None) -> None:
    is_empty = _is_empty(db, path)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")
    if is_empty:
        db.executescript(f"BEGIN; {_schema()} COMMIT;")
        return
    # Half a second for 500 MB. Without it a host would meet a damaged page in the middle of a run.
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(" ".join(found.split()))


def _is_empty(db: sqlite3.Connection, path: Path | None) -> bool:
    """Make sure that a file is a task hub; True when nothing is in it, as when a host was killed while it made it."""
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if not tables and version == 0:
        return True
    if not tables >= _TABLES:
        raise NotATaskHubError(f"{path} is an SQLite file, but no task hub: name the right one with --db.")
    if version > SCHEMA_VERSION:
        raise HubVersionError(
            f"The task hub {path} has schema version {version}; this devhost knows up to {SCHEMA_VERSION}. "
            "Run the devhost that wrote it, or name another file with --db."
        )
    return False


def _schema() -> str:
    tables = resources.files("devhost.hub").joinpath("schema.sql").read_text(encoding="utf-8")
    return f"{tables} PRAGMA user_version = {SCHEMA_VERSION};"


def _reading(path: Path, mode: str = "ro") -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None)
    try:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.DatabaseError as ex:
        db.close()
        if mode == "ro" and ex.sqlite_errorname == "SQLITE_READONLY_ROLLBACK":
            return _reading(path, "rw")  # a host was killed in its very first write, which has to be undone
        raise
    return db
