import json
from datetime import UTC, datetime
from pathlib import Path

from activities.escalate_for_review import Escalation, escalate_for_review
from durable_agents.settings.groups import ReviewSettings


def test_a_draft_that_nobody_decided_on_is_told_once(tmp_path: Path) -> None:
    escalation = Escalation(
        key="run-1-r1-escalation",
        instance_id="run-1",
        request_id="r1",
        title="Tea",
        content="Tea is warm.",
        expired_at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    receipts = [escalate_for_review(escalation, review=ReviewSettings(), outbox_dir=tmp_path) for _ in range(2)]
    (told,) = (tmp_path / "reviews").iterdir()
    assert [receipt.location for receipt in receipts] == [str(told)] * 2
    assert json.loads(told.read_text()) == {"kind": "review_escalated", **escalation.model_dump(mode="json")}
