import inspect
from pathlib import Path

import pytest
from pydantic import BaseModel

from durable_agents.binding import bind_activity


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
