import json
from pathlib import Path

from activities.issue_refund import issue_refund


def test_one_key_is_one_refund(tmp_path: Path) -> None:
    folder = tmp_path / "refunds"
    first = issue_refund("key-1", "A-17", 1250, folder=folder)
    assert issue_refund("key-1", "A-17", 1250, folder=folder) == first
    assert issue_refund("key-2", "A-17", 1250, folder=folder) != first
    receipts = [json.loads(path.read_text(encoding="utf-8")) for path in folder.iterdir()]
    assert receipts == [{"order_id": "A-17", "amount_cents": 1250}] * 2
