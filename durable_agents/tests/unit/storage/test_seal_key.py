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
        assert len(key) == 64
        assert blobs.content == {"payloads/_key/seal.key": key}
        assert StoredKey(folder, blobs.credential).read() == key
        reads = len(blobs.requests)
        assert [processes[0].read() for _ in range(3)] == [key] * 3
        assert len(blobs.requests) == reads


def test_a_key_that_cannot_be_read_is_looked_for_again() -> None:
    with BlobServer() as blobs:
        stored = StoredKey(BlobFolder(blobs.url, "payloads", "_key/"), blobs.credential)
        blobs.refuses = True
        with pytest.raises(NoSealKeyError, match="container 'payloads' of http"):
            Seal(lambda: [stored.read()]).of("run", "text")
        blobs.refuses = False
        seal = Seal(lambda: [stored.read()])
        assert seal.fits("run", "text", seal.of("run", "text"))
