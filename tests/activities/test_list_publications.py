import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from activities.list_publications import list_publications
from activities.publish_content import Article, publish_content
from durable_agents import Slot

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


def test_what_was_published_in_the_time_is_listed_with_its_opening(tmp_path: Path) -> None:
    publish_content(Article(key="a", title="Tea", content="Tea is wärm."), publishing=tmp_path)
    listed = list_publications(Slot(since=NOW - HOUR, until=NOW + HOUR), publishing=tmp_path)
    ((article,), left_out) = listed.articles, listed.left_out
    assert (article.name, article.begins, left_out) == ("a.md", "# Tea\n\nTea is wärm.\n", 0)
    assert listed.as_text() == f"Published {article.written_at:%Y-%m-%d %H:%M} UTC:\n{article.begins}"
    assert list_publications(Slot(since=NOW + HOUR, until=NOW + 2 * HOUR), publishing=tmp_path).articles == []


def test_more_than_anybody_reads_is_counted(tmp_path: Path) -> None:
    for number in range(52):
        path = tmp_path / f"{number:02}.md"
        path.write_text("# Tea")
        at = (NOW + timedelta(seconds=number)).timestamp()
        os.utime(path, (at, at))
    listed = list_publications(Slot(since=NOW - HOUR, until=NOW + HOUR), publishing=tmp_path)
    assert [article.name for article in listed.articles] == [f"{number:02}.md" for number in range(50)]
    assert listed.left_out == 2
    assert listed.as_text().endswith("\n\n2 more are not shown.")
