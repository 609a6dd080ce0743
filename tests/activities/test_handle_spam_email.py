import json
from pathlib import Path

from activities.handle_spam_email import SpamReport, handle_spam_email

REPORT = SpamReport(
    key="run-1-spam", sender="eve@example.com", subject="Prize", body="You won", confidence=0.97, reason="a prize"
)


def test_the_record_is_written_once(tmp_path: Path) -> None:
    first = handle_spam_email(REPORT, outbox_dir=tmp_path)
    second = handle_spam_email(REPORT, outbox_dir=tmp_path)
    assert first == second
    (path,) = (tmp_path / "quarantine").iterdir()
    assert first.location == str(path)
    assert json.loads(path.read_text(encoding="utf-8")) == REPORT.model_dump()
