"""devhost runs a Durable Functions app that has nothing to do with this project, unchanged."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.testing.host_process import HostProcess
from devhost.testing.plugin import NewHost

pytestmark = pytest.mark.devhost_only(
    "its app is for devhost: without an extension bundle, Azure has no durable functions"
)

FOREIGN = Path(__file__).parents[1] / "apps" / "foreign"
INSTANCES = "/runtime/webhooks/durabletask/instances"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, new_host: NewHost) -> Iterator[HostProcess]:
    with new_host(tmp_path_factory.mktemp("shop"), FOREIGN) as process:
        yield process


@pytest.fixture
def http(shop: HostProcess) -> Iterator[httpx.Client]:
    with shop.client() as client:
        yield client


def until(http: httpx.Client, path: str, **wanted: Any) -> dict[str, Any]:
    """Ask until the JSON answer has these values, and return it."""
    deadline = time.monotonic() + 15
    while True:
        answer = http.get(path)
        body: dict[str, Any] = answer.json() if answer.content else {}
        if all(body.get(name) == value for name, value in wanted.items()):
            return body
        assert time.monotonic() < deadline, f"{path} is not {wanted} but {answer.status_code} {answer.text}"
        time.sleep(0.02)


def stocked(http: httpx.Client, article: str, pieces: int) -> str:
    """Put pieces of an article into stock and return its name."""
    assert http.post(f"/shop/stock/{article}", json=pieces).status_code == 202
    in_stock(http, article, pieces)
    return article


def in_stock(http: httpx.Client, article: str, pieces: int) -> None:
    deadline = time.monotonic() + 15
    while (answer := http.get(f"/shop/stock/{article}")).text != str(pieces):
        assert time.monotonic() < deadline, f"{article}: {answer.status_code} {answer.text}, expected {pieces}"
        time.sleep(0.02)


def place(http: httpx.Client, number: int, card: str, **articles: int) -> None:
    answer = http.put(f"/shop/orders/{number}", json={"articles": articles, "card": card, "to": "Ada"})
    assert answer.status_code == 202, answer.text
    assert answer.json()["id"] == f"order-{number}"


def test_listing_names_every_function_and_the_one_that_is_not_served(shop: HostProcess) -> None:
    said = shop.output()
    assert re.search(r"place_order: \[PUT\] http://localhost:\d+/shop/orders/\{number:int:min\(1\)\}", said)
    assert "orchestrationTrigger: ask_the_tax_office, misprint, order, ship, visits" in said
    assert "activityTrigger: charge, print_label, write_down" in said
    assert "entityTrigger: Stock" in said
    assert re.findall(r"NOT SERVED (.*)", said) == [
        "take_delivery: Triggers of type 'queueTrigger' are not served by devhost; they work on Azure."
    ]


def test_order_goes_through_entities_retries_an_event_and_a_child(http: httpx.Client) -> None:
    tea, pot = stocked(http, "tea", 5), stocked(http, "pot", 1)
    place(http, 1, "slow-1", **{tea: 2, pot: 1})
    until(http, "/shop/orders/1", stage="waits for the packer")
    in_stock(http, tea, 3)
    assert http.post(f"{INSTANCES}/order-1/raiseEvent/packed", json=True).status_code == 202
    ended = until(http, "/shop/orders/1", status="Completed")
    assert ended["result"] == {
        "outcome": "shipped",
        "receipt": "charged slow-1 at attempt 3",
        "labels": ["Pigeon Post: 2 piece(s) to Ada", "Pigeon Post: 1 piece(s) to Ada"],
    }
    child = http.get(f"{INSTANCES}/order-1-shipment").json()
    assert (child["name"], child["runtimeStatus"]) == ("ship", "Completed")


def test_order_that_cannot_be_paid_gives_everything_back(http: httpx.Client) -> None:
    jam = stocked(http, "jam", 4)
    place(http, 2, "bad-1", jam=3)
    assert until(http, "/shop/orders/2", status="Completed")["result"] == {"outcome": "card refused"}
    in_stock(http, jam, 4)


def test_order_of_more_than_there_is_fails_with_the_entitys_words(http: httpx.Client) -> None:
    stocked(http, "egg", 1)
    place(http, 3, "good-1", egg=2)
    failed = until(http, f"{INSTANCES}/order-3", runtimeStatus="Failed")
    assert failed["output"].startswith("Orchestrator function 'order' failed: only 1 of egg left")


@pytest.mark.parametrize("path", ["orders/none", "orders/0", "orders/1/more", "stock/t3a", "stock"])
def test_route_constraints_are_obeyed(http: httpx.Client, path: str) -> None:
    assert http.get(f"/shop/{path}").status_code == 404


def test_hub_name_comes_from_the_settings_file(http: httpx.Client) -> None:
    answer = http.post("/runtime/webhooks/durabletask/orchestrators/ship", json=[])
    assert "taskHub=ShopHub&" in answer.json()["statusQueryGetUri"]


@pytest.mark.kills
def test_eternal_orchestration_counts_on_through_kills(shop: HostProcess, http: httpx.Client) -> None:
    start = "/runtime/webhooks/durabletask/orchestrators/visits/visits"
    assert http.post(start).status_code == 202
    seen: dict[str, int] = {}
    for page in ("front", "tea", "tea"):
        until(http, f"{INSTANCES}/visits", runtimeStatus="Running", customStatus=seen or None)
        assert http.post("/shop/visits" + ("" if page == "front" else f"/{page}")).status_code == 202
        seen[page] = seen.get(page, 0) + 1
        shop.restart()
    status = until(http, f"{INSTANCES}/visits", customStatus={"front": 1, "tea": 2})
    assert status["runtimeStatus"] == "Running"
    assert http.post(f"{INSTANCES}/visits/terminate?reason=closed").status_code == 202
    until(http, f"{INSTANCES}/visits", runtimeStatus="Terminated", output="closed")
