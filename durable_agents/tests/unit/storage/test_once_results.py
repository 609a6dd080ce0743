"""What is done under a key is done once, whoever does it at the same time, and however it ends."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient

from durable_agents.settings.groups import BlobFolder, Folder
from durable_agents.storage import once_results
from durable_agents.storage.once_results import once


@dataclass
class Place:
    """Where results are kept, and how many times something was done."""

    folder: Folder
    effects: Path
    credential: AzureNamedKeyCredential | None = None
    failures: int = field(default=0)

    def do(self, key: str = "run-1-k", seconds: float = 0.1) -> bytes:
        """Do it once for the key, and return the result."""
        return once(self.folder, key, lambda: self._act(seconds), self.credential)

    def _act(self, seconds: float) -> bytes:
        with self.effects.open("a", encoding="ascii") as effects:
            effects.write(".")
        time.sleep(seconds)
        count = self.count()
        if count <= self.failures:
            raise ValueError(f"failed {count}")
        return str(count).encode()

    def count(self) -> int:
        """Return how often it was done."""
        return len(self.effects.read_text(encoding="ascii")) if self.effects.exists() else 0


@pytest.fixture(params=["folder", "blob"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A folder of this machine, and one in Blob Storage."""
    if request.param == "folder":
        yield Place(tmp_path / "results" / "run-1", tmp_path / "effects")
        return
    monkeypatch.setattr(once_results, "_PAUSE_SECONDS", 0.05)
    url, credential = request.getfixturevalue("account_url"), request.getfixturevalue("credential")
    with ContainerClient(url, "payloads", credential=credential) as container:
        container.create_container()
    yield Place(BlobFolder(url, "payloads") / "run-1", tmp_path / "effects", credential)


def test_the_second_time_returns_the_first_result(place: Place) -> None:
    assert [place.do(), place.do(), place.do("other"), place.do()] == [b"1", b"1", b"2", b"1"]
    assert place.count() == 2


def test_a_failure_is_not_kept(place: Place) -> None:
    place.failures = 2
    for attempt in (1, 2):
        with pytest.raises(ValueError, match=f"failed {attempt}"):
            place.do()
    assert [place.do(), place.do()] == [b"3", b"3"]


def test_of_many_at_once_one_acts_and_the_others_get_its_result(place: Place) -> None:
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: place.do(), range(8)))
    assert results == [b"1"] * 8


def test_of_many_at_once_the_next_acts_when_one_fails(place: Place) -> None:
    place.failures = 2

    def attempt(_: int) -> bytes | None:
        with suppress(ValueError):
            return place.do()
        return None

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(attempt, range(8)))
    assert (results.count(None), results.count(b"3"), place.count()) == (2, 6, 3)


@pytest.mark.parametrize("place", ["blob"], indirect=True)
def test_a_lease_is_held_for_longer_than_it_lasts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once_results, "_LEASE_SECONDS", 15)
    monkeypatch.setattr(once_results, "_RENEWAL_SECONDS", 4)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(place.do, seconds=17)
        time.sleep(1)
        assert (threads.submit(place.do).result(), first.result(), place.count()) == (b"1", b"1", 1)


def in_processes(work: Callable[[Place], None], place: Place, count: int) -> list[multiprocessing.Process]:
    """Start processes that do it."""
    processes = [multiprocessing.get_context("fork").Process(target=work, args=(place,)) for _ in range(count)]
    for process in processes:
        process.start()
    return processes  # type: ignore[return-value]  # those of a context are no subclass of the default one


def act(place: Place) -> None:
    place.do(seconds=0.3)


def hang(place: Place) -> None:
    place.do(seconds=100)


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
def test_of_many_processes_one_acts_and_one_that_is_killed_lets_the_next_one_act(tmp_path: Path) -> None:
    place = Place(tmp_path / "results", tmp_path / "effects")
    (killed,) = in_processes(hang, place, 1)
    while not place.count():
        time.sleep(0.01)
    others = in_processes(act, place, 4)
    time.sleep(0.5)
    assert place.count() == 1
    os.kill(killed.pid or 0, signal.SIGKILL)
    for process in [killed, *others]:
        process.join()
    assert (place.count(), place.do()) == (2, b"2")
