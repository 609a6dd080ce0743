import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest
from agent_framework_durabletask import run_agent_coroutine
from pydantic import BaseModel

from durable_agents.binding import bind_activity, in_own_thread, is_bindable, rename_parameter


class Order(BaseModel):
    number: int


class Slip(BaseModel):
    text: str


def ship(order: Order, *, depot: Path, carrier: str = "post") -> Slip:
    """Ship an order."""
    return Slip(text=f"{order.number} from {depot} by {carrier}")


def test_an_activity_takes_and_returns_plain_json() -> None:
    activity = bind_activity(ship, depot=Path("north"))
    assert activity(order={"number": 7, "from_a_newer_version": True}) == {"text": "7 from north by post"}


async def test_an_async_activity_runs_on_the_loop_of_the_agents() -> None:
    async def loop_of(order: Order, *, here: asyncio.AbstractEventLoop) -> Slip:
        running = asyncio.get_running_loop()
        return Slip(text=f"{order.number} {running is here} {running is agents_loop}")

    async def own_loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    agents_loop = await asyncio.to_thread(run_agent_coroutine, own_loop())
    activity = bind_activity(loop_of, here=asyncio.get_running_loop())
    assert await asyncio.to_thread(activity, order={"number": 7}) == {"text": "7 False True"}
    waiting = in_own_thread(activity)
    assert inspect.iscoroutinefunction(waiting)
    assert list(inspect.signature(waiting).parameters) == ["order"]
    assert await waiting(order={"number": 7}) == {"text": "7 False True"}


def test_only_the_bound_parameter_remains_and_nothing_leads_back() -> None:
    activity = bind_activity(ship, depot=Path("north"))
    assert list(inspect.signature(activity).parameters) == ["order"]
    assert (activity.__name__, activity.__doc__) == ("ship", "Ship an order.")
    assert activity.__annotations__ == {"order": dict, "return": dict}
    assert not hasattr(activity, "__wrapped__")


def test_a_missing_dependency_is_named() -> None:
    with pytest.raises(TypeError, match=r"ship\(\) cannot be registered: missing dependencies \['depot'\]"):
        bind_activity(ship)


def test_an_unknown_dependency_is_named() -> None:
    with pytest.raises(TypeError, match=r"unknown dependencies \['depott'\]"):
        bind_activity(ship, depot=Path("north"), depott=Path("south"))


def test_an_activity_without_models_is_refused() -> None:
    def wrong(order: dict[str, int]) -> Slip:
        return Slip(text=str(order))

    with pytest.raises(TypeError, match="must take one pydantic model"):
        bind_activity(wrong)


def test_a_parameter_that_the_host_cannot_bind_is_bound_by_another_name() -> None:
    def pack(data: dict[str, int]) -> list[int]:
        """Pack."""
        return [data["number"]]

    packing = rename_parameter(pack, "data", "payload")
    assert packing(payload={"number": 1}) == [1]
    assert (packing.__name__, packing.__doc__) == ("pack", "Pack.")
    assert inspect.signature(packing).parameters.keys() == {"payload"}
    assert packing.__annotations__ == {"payload": dict[str, int], "return": list[int]}


async def test_and_that_of_a_coroutine_function_and_one_without_annotations() -> None:
    async def pack(data):  # type: ignore[no-untyped-def]  # as it may be pasted
        return data

    packing = rename_parameter(pack, "data", "payload")
    assert inspect.iscoroutinefunction(packing)
    assert await packing(payload=1) == 1
    assert packing.__annotations__ == {"payload": Any}


@pytest.mark.parametrize("name", ["order", "Order2", "instanceId", "input", "x" * 128])
def test_names_that_the_host_binds(name: str) -> None:
    assert is_bindable(name)


@pytest.mark.parametrize(
    "name", ["data", "Data", "order_line", "order_", "_order", "2nd", "größe", "x" * 129, "order\n"]
)
def test_names_that_it_does_not(name: str) -> None:
    assert not is_bindable(name)
