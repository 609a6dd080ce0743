import json
from pathlib import Path

from activities.cancel_order import Cancellation, cancel_order, find_order


def test_an_order_is_cancelled_once(tmp_path: Path) -> None:
    cancellation = Cancellation(key="k", number="ORD-1001", article="a samovar")
    first = cancel_order(cancellation, outbox_dir=tmp_path)
    assert cancel_order(cancellation, outbox_dir=tmp_path) == first
    assert json.loads(Path(first.location).read_text(encoding="utf-8"))["number"] == "ORD-1001"
    assert len(list((tmp_path / "cancellations").iterdir())) == 1


def test_an_order_is_found_by_its_number() -> None:
    order = find_order("ORD-1002")
    assert order is not None
    assert order.state == "shipped"
    assert find_order("ORD-1") is None
