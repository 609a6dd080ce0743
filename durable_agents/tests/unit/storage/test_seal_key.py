"""The key of the seal is made once, whoever looks for it first, and is looked for until it was found."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from durable_agents.seal import NoSealKeyError, Seal
from durable_agents.settings.groups import BlobFolder
from durable_agents.storage.seal_key import StoredKey
from durable_agents.tests.support.blob_server import BlobServer


def test_all_processes_have_the_same_key_whoever_is_first() -> None:
    with BlobServer() as blobs:
        folder = BlobFolder(blobs.url, "payloads", "_key/")
        processes = [StoredKey(folder, blobs.credential) for _ in range(16)]
        with ThreadPoolExecutor(len(processes)) as pool:
            keys = set(pool.map(StoredKey.read, processes))
        (key,) = keys
        assert key is not None
        assert len(key) == 64
        assert blobs.content == {"payloads/_key/seal.key": key}
        assert StoredKey(folder, blobs.credential).read() == key
        reads = len(blobs.requests)
        assert [processes[0].read() for _ in range(3)] == [key] * 3
        assert len(blobs.requests) == reads


def test_a_key_that_cannot_be_read_is_looked_for_again_and_another_stands_in_for_it() -> None:
    with BlobServer() as blobs:
        stored = StoredKey(BlobFolder(blobs.url, "payloads", "_key/"), blobs.credential, try_again_seconds=0)
        alone, with_links = Seal(lambda: [stored.read()]), Seal(lambda: [stored.read(), b"links"])
        blobs.refuses = True
        with pytest.raises(NoSealKeyError):
            alone.of("run", "text")
        meanwhile = with_links.of("run", "text")
        assert with_links.fits("run", "text", meanwhile)
        blobs.refuses = False
        assert with_links.fits("run", "text", meanwhile)
        sealed = alone.of("run", "text")
        assert sealed != meanwhile
        assert with_links.fits("run", "text", sealed)


def test_what_an_unknown_key_may_have_sealed_is_not_called_made_up() -> None:
    with pytest.raises(NoSealKeyError):
        Seal(lambda: [None, b"links"]).fits("run", "text", "0" * 64)
    assert not Seal(lambda: [b"key", b"links"]).fits("run", "text", "0" * 64)


def test_a_store_that_is_away_is_not_asked_each_time() -> None:
    with BlobServer() as blobs:
        stored = StoredKey(BlobFolder(blobs.url, "payloads", "_key/"), blobs.credential)
        blobs.refuses = True
        assert [stored.read() for _ in range(3)] == [None] * 3
        assert len(blobs.requests) == 1
