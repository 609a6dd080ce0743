"""Do something once for a key: its result is kept, and whoever does it again gets that.

A lock beside the result tells who may act. In a folder it is a file that SQLite locks, until the process ends; in Blob
Storage a lease, which ends a minute after the last sign of life. It stays as long as the result does.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from durable_agents.settings.groups import BlobFolder, Folder
from durable_agents.storage.once_blobs import BlobCredential, open_blob
from durable_agents.storage.once_files import keyed_path
from durable_agents.storage.outbox_files import put_once, read_file

_RESULT, _LOCK = ".json", ".lock"
_LONGEST_SECONDS = 86_400.0
_LEASE_SECONDS = 60
_RENEWAL_SECONDS = 15.0
_PAUSE_SECONDS = 1.0


def once(folder: Folder, key: str, act: Callable[[], bytes], credential: BlobCredential | None = None) -> bytes:
    """Return the result that is kept under the key, or else that of `act`, which is kept then.

    Of two at once, in whatever process, the second waits, and gets the result of the first; it acts itself if the first
    fails or dies. A failure is not kept. A crash between the act and the keeping of its result repeats the act.

    Raises:
        Exception: What `act` raises.
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused it.
        OSError: The folder cannot be used.
    """
    kept = read_file(folder, key, _RESULT, credential)
    if kept is not None:
        return kept
    with locked_file(folder, key) if isinstance(folder, Path) else _leased_blob(folder, key, credential):
        kept = read_file(folder, key, _RESULT, credential)
        if kept is None:
            kept = act()
            put_once(folder, key, _RESULT, kept, credential)
    return kept


@contextmanager
def locked_file(folder: Path, key: str) -> Iterator[None]:
    path = keyed_path(folder, key, _LOCK)
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=_LONGEST_SECONDS, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def _leased_blob(folder: BlobFolder, key: str, credential: BlobCredential | None) -> Iterator[None]:
    from azure.core.exceptions import AzureError, ResourceExistsError, ResourceModifiedError

    name = f"{folder.prefix}{keyed_path(Path(), key, _LOCK).name}"
    with open_blob(folder.account_url, folder.container, name, credential) as blob:
        with suppress(ResourceExistsError, ResourceModifiedError):
            blob.upload_blob(b"", overwrite=False)
        while True:
            try:
                lease = blob.acquire_lease(_LEASE_SECONDS)
                break
            except ResourceExistsError:
                time.sleep(_PAUSE_SECONDS)
        done = Event()

        def renew() -> None:
            while not done.wait(_RENEWAL_SECONDS):
                with suppress(AzureError):
                    lease.renew()

        renewal = Thread(target=renew, daemon=True)
        renewal.start()
        try:
            yield
        finally:
            done.set()
            renewal.join()
            with suppress(AzureError):
                lease.release()
