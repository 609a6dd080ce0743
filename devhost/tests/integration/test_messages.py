"""What the terminal of a host shows when the code of the app fails, or keeps others waiting."""

import re
import time
from collections.abc import Callable, Iterator

import pytest

from devhost.testing.host_process import REPOSITORY, HostProcess
from devhost.tests.support.hub_over_http import HubOverHttp

APP = REPOSITORY / "devhost" / "tests" / "apps" / "mistakes"


@pytest.fixture
def host(start_host: Callable[..., HostProcess]) -> HostProcess:
    """A host on an app full of mistakes."""
    return start_host(app_root=APP)


@pytest.fixture
def hub(host: HostProcess) -> Iterator[HubOverHttp]:
    """The task hub of that host."""
    with host.client() as http:
        yield HubOverHttp(http)


def logged(host: HostProcess, text: str) -> list[str]:
    """Wait until a text is logged; return all records, without time and place."""
    deadline = time.monotonic() + 20
    while text not in host.output():
        assert time.monotonic() < deadline, host.output()
        time.sleep(0.05)
    output = re.sub(r'File ".*/mistakes/function_app.py", line \d+', "File", host.output())
    output = re.sub(r"^[ ^~]+\n", "", output, flags=re.MULTILINE)
    return [record.rstrip("\n") for record in re.split(r"^\d\d:\d\d:\d\d ", output, flags=re.MULTILINE)[1:]]


def test_lines_of_the_app_have_the_id_and_are_there_once_over_a_kill(host: HostProcess, hub: HubOverHttp) -> None:
    hub.post("orchestrators/call/c-1", json='["look_up", "tea"]')
    hub.until("c-1", "Running")
    host.restart()
    hub.raise_event("c-1", "go", 1)
    hub.until("c-1", "Completed")
    lines = [line for record in logged(host, "completed") for line in record.splitlines() if "c-1" in line]
    assert lines == [
        "INFO c-1: waits",
        "INFO c-1: calls",
        "INFO c-1: looks up tea",
        "INFO c-1: 'call' completed.",
    ]


def test_what_fails_is_shown_by_the_lines_of_its_author(host: HostProcess, hub: HubOverHttp) -> None:
    for name in ("add_up", "forget"):
        hub.post(f"orchestrators/{name}/{name}-1")
        hub.until(f"{name}-1", "Failed")
    hub.post("orchestrators/order/o-1")
    hub.until("o-1", "Completed")
    assert hub.http.get("/api/prices/coffee").status_code == 500
    records = logged(host, "show_price failed")
    assert records == [
        "INFO add_up-1: looks up tea",
        "ERROR add_up-1: 'add_up' ended: KeyError: 'coffee'\n"
        "    Traceback (most recent call last):\n"
        "      File, in add_up\n"
        '        return price_of("coffee")\n'
        "      File, in price_of\n"
        "        return prices[article]\n"
        "    KeyError: 'coffee'",
        "ERROR forget-1: 'forget' ended: AttributeError: 'generator' object has no attribute '_is_scheduled'\n"
        "    Traceback (most recent call last):\n"
        "      File, in forget\n"
        "        price = yield looks_up(context)\n"
        "    AttributeError: 'generator' object has no attribute '_is_scheduled'\n"
        "    Hint: the orchestrator yields a generator: write `yield from` in the place of `yield`.",
        "ERROR @shelf@a: operation 'take' failed: ValueError: the shelf is empty\n"
        "    Traceback (most recent call last):\n"
        "      File, in Shelf\n"
        '        raise ValueError("the shelf is empty")\n'
        "    ValueError: the shelf is empty",
        "INFO o-1: 'order' completed.",
        "ERROR show_price failed: KeyError: 'coffee'\n"
        "    Traceback (most recent call last):\n"
        "      File, in show_price\n"
        '        return func.HttpResponse(str(price_of(req.route_params["article"])))\n'
        "      File, in price_of\n"
        "        return prices[article]\n"
        "    KeyError: 'coffee'",
    ]


def test_a_coroutine_that_blocks_the_loop_is_named(host: HostProcess, hub: HubOverHttp) -> None:
    hub.post("orchestrators/call/c-1", json='["hold_up", 2]')
    hub.raise_event("c-1", "go", 1)
    hub.until("c-1", "Completed")
    (warning,) = (one for one in logged(host, "completed") if one.startswith("WARNING"))
    assert warning.startswith("WARNING The coroutine 'hold_up' has blocked the event loop for more than 1 s;")
    assert warning.endswith("File, in hold_up\n        time.sleep(seconds)")
