from pathlib import Path

from activities.file_digest import FiledDigest, file_digest


def test_a_digest_is_one_file_however_often_it_is_filed(tmp_path: Path) -> None:
    digest = FiledDigest(key="scheduled_digest-2026-03-01T07-digest", subject="Tea", body="One article.")
    receipts = [file_digest(one, outbox_dir=tmp_path) for one in (digest, digest.model_copy(update={"body": "Two."}))]
    assert receipts[0] == receipts[1]
    path = tmp_path / "digests" / f"{digest.key}.md"
    assert (receipts[0].location, path.read_text(encoding="utf-8")) == (str(path), "# Tea\n\nOne article.\n")
