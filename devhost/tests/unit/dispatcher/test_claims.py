"""One owner of a target at a time, whoever asks, on whichever thread."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from devhost.engine.claims import Claims

THREADS = 8
ROUNDS = 2_000


def test_a_target_is_taken_once_until_it_is_given_back() -> None:
    claims = Claims()
    claim = claims.take("run")
    assert claim is not None
    assert claims.take("run") is None
    assert claims.take("other") is not None
    claim.give_back()
    assert claims.take("run") is not None


def test_a_claim_is_given_back_once_and_never_takes_anothers_away() -> None:
    claims = Claims()
    first = claims.take("run")
    assert first is not None
    first.give_back()
    second = claims.take("run")
    with pytest.raises(RuntimeError):
        first.give_back()
    assert second is not None
    assert claims.take("run") is None
    second.give_back()


@pytest.mark.usefixtures("restless")
def test_of_many_threads_only_one_has_a_target() -> None:
    claims, owners, most = Claims(), [0, 0], [0, 0]
    start = threading.Barrier(THREADS)

    def work() -> None:
        start.wait()
        for n in range(ROUNDS):
            place = n % 2
            claim = claims.take(f"run-{place}")
            if claim is not None:
                owners[place] += 1
                most[place] = max(most[place], owners[place])
                owners[place] -= 1
                claim.give_back()

    with ThreadPoolExecutor(THREADS) as pool:
        for one in [pool.submit(work) for _ in range(THREADS)]:
            one.result()
    assert most == [1, 1]
    assert claims.holders == {}
