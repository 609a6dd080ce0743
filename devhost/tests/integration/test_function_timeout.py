"""A function that exceeds the time-out of host.json fails as on Azure, and takes nothing else with it."""

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.testing.host_process import REPOSITORY, DevhostProcess

pytestmark = pytest.mark.devhost_only(
    "it is how devhost keeps functionTimeout: the Functions host replaces the whole worker"
)

APP = REPOSITORY / "devhost" / "tests" / "apps" / "triggers"
WAIT_SECONDS = 20


def impatient_host(folder: Path, **environment: str) -> DevhostProcess:
    """Return a host whose functions may take a second."""
    limit = {"AzureFunctionsJobHost__functionTimeout": "00:00:01", **environment}
    return DevhostProcess(folder, APP, DIARY=str(folder / "diary"), TICK="0 0 0 1 1 *", **limit)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevhostProcess]:
    with impatient_host(tmp_path_factory.mktemp("timeout")) as process:
        yield process


@pytest.fixture
def http(host: DevhostProcess) -> Iterator[httpx.Client]:
    with host.client() as http:
        yield http


def finish(http: httpx.Client, orchestration: str, body: object = None) -> dict[str, Any]:
    """Run an orchestration and return its status when it has ended."""
    url = http.post(f"/api/start/{orchestration}", json=body).json()["statusQueryGetUri"]
    deadline = time.monotonic() + WAIT_SECONDS
    while (status := http.get(url).json())["runtimeStatus"] in ("Pending", "Running"):
        assert time.monotonic() < deadline, status
        time.sleep(0.02)
    return dict(status)


def wait_for(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_plain_http_function_answers_500_and_its_result_is_dropped(http: httpx.Client, host: DevhostProcess) -> None:
    began = time.monotonic()
    answer = http.get("/api/slow", params={"seconds": "2"})
    assert (answer.status_code, answer.content) == (500, b"")
    assert time.monotonic() - began < 1.9
    assert re.search(
        r"Timeout value of 00:00:01 exceeded by function 'Functions\.slow' \(Id: '[0-9a-f-]{36}'\)\. "
        r"Initiating cancellation\.",
        host.output(),
    )
    assert "Functions.slow is not a coroutine, so it cannot be stopped" in host.output()
    diary = host.database.parent / "diary"
    wait_for(lambda: diary.exists() and '"slow ends"' in diary.read_text())


def test_a_coroutine_is_cancelled(http: httpx.Client, host: DevhostProcess) -> None:
    assert http.get("/api/slow-coroutine", params={"seconds": "30"}).status_code == 500
    diary = host.database.parent / "diary"
    wait_for(lambda: diary.exists() and "slow_coroutine cancelled" in diary.read_text())
    assert "Functions.slow_coroutine is not a coroutine" not in host.output()


def test_functions_in_time_are_not_touched(http: httpx.Client) -> None:
    assert http.get("/api/slow", params={"seconds": "0.1"}).text == "slept"
    assert http.get("/api/slow-coroutine", params={"seconds": "0.1"}).text == "slept"
    assert finish(http, "sleeper", 0)["output"] == "slept"


def test_an_activity_fails_with_the_hosts_words(http: httpx.Client) -> None:
    status = finish(http, "sleeper", 3)
    assert status["runtimeStatus"] == "Failed"
    assert status["output"].startswith(
        "Orchestrator function 'sleeper' failed: Activity function 'sleep_activity' failed: "
        "Timeout value of 00:00:01 was exceeded by function: Functions.sleep_activity"
    )


def test_each_activity_of_a_chain_has_the_whole_time(http: httpx.Client) -> None:
    assert finish(http, "sleeps_again_and_again", [0.4, 0.4, 0.4])["output"] == "slept"


def test_an_activity_in_a_chain_fails_as_soon_as_its_time_is_over(http: httpx.Client) -> None:
    began = time.monotonic()
    status = finish(http, "sleeps_again_and_again", [0, 0.1, 30])
    assert time.monotonic() - began < 15
    assert "was exceeded by function: Functions.sleep_activity" in status["output"]


def test_an_entity_keeps_its_state_and_its_caller_sees_the_failure(http: httpx.Client) -> None:
    status = finish(http, "wakes_sloth")
    assert status["runtimeStatus"] == "Failed"
    assert "Timeout value of 00:00:01 was exceeded by function: Functions.sloth" in json.dumps(status["output"])
    assert http.get("/runtime/webhooks/durabletask/entities/sloth/one").status_code == 404


def test_a_turn_of_an_orchestration_that_does_not_end_fails_the_run(http: httpx.Client) -> None:
    status = finish(http, "slow_turn")
    assert (status["runtimeStatus"], status["output"]) == (
        "Failed",
        "Orchestrator function 'slow_turn' failed: Timeout value of 00:00:01 was exceeded by function: "
        "Functions.slow_turn",
    )


def test_a_function_that_cancels_itself_fails_instead_of_hanging_its_caller(http: httpx.Client) -> None:
    answer = http.get("/api/cancels-itself")
    assert (answer.status_code, answer.content) == (500, b"")


def test_a_thread_that_goes_on_does_not_keep_the_host_from_stopping(tmp_path: Path) -> None:
    with impatient_host(tmp_path) as process:
        with process.client() as http:
            assert http.get("/api/slow", params={"seconds": "30"}).status_code == 500
        assert process.stop() == 0


def test_functions_that_hang_keep_no_thread_from_others_and_are_named(tmp_path: Path) -> None:
    with impatient_host(tmp_path, PYTHON_THREADPOOL_THREAD_COUNT="2") as process:
        with process.client() as http, ThreadPoolExecutor() as pool:
            hung = list(pool.map(lambda seconds: finish(http, "sleeper", seconds), [600] * 6))
            assert [status["runtimeStatus"] for status in hung] == ["Failed"] * 6
            assert finish(http, "sleeper", 0)["output"] == "slept"
            assert http.get("/api/slow", params={"seconds": "0.1"}).text == "slept"
        assert process.output().count("in sleep_activity") >= 6
        assert process.stop() == 0


def test_the_wait_for_a_thread_does_not_count(tmp_path: Path) -> None:
    with (
        impatient_host(tmp_path, PYTHON_THREADPOOL_THREAD_COUNT="2") as process,
        process.client() as http,
        ThreadPoolExecutor() as pool,
    ):
        ended = list(pool.map(lambda seconds: finish(http, "sleeper", seconds), [0.5] * 8))
        assert [status["output"] for status in ended] == ["slept"] * 8
