"""The queries that an operator has: those of docs/operations.md, about metrics and attributes that the library has."""

import json
import re

import pytest

from infra.tests.bicep_file import INFRA

PROJECT = INFRA.parent
PAGE = PROJECT / "docs" / "operations.md"
ALERTS = (INFRA / "modules" / "alerts.bicep").read_text(encoding="utf-8")
WORKBOOK = json.loads((INFRA / "modules" / "workbook.json").read_text(encoding="utf-8"))
OF_ALERTS = [query.strip() for query in re.findall(r"'''\n(.*?)'''", ALERTS, re.DOTALL)]
OF_WORKBOOK = [item["content"]["query"] for item in WORKBOOK["items"] if item["type"] == 3]
NAME = re.compile(r"durable_agents\.[a-z_.]+")


@pytest.mark.skipif(not PAGE.exists(), reason="this project has no docs/operations.md")
def test_the_page_has_every_query() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert (len(OF_ALERTS), len(OF_WORKBOOK)) == (4, 5)
    queries = [query.strip() for query in re.findall(r"```kusto\n(.*?)```", page, re.DOTALL)]
    assert queries == [*OF_WORKBOOK, *OF_ALERTS]
    titles = [item["name"] for item in WORKBOOK["items"] if item["type"] == 3]
    assert [title for title in titles if f"**{title}**" not in page] == []
    assert [title for title in re.findall(r"title: '(.+)'", ALERTS) if f"### {title}" not in page] == []


def test_what_is_asked_for_is_recorded() -> None:
    library = PROJECT / "durable_agents"
    files = [library / "sessions" / "turn_span.py", *library.glob("runs/*.py"), *library.glob("orchestration/*.py")]
    recorded = set(NAME.findall(" ".join(file.read_text(encoding="utf-8") for file in files)))
    asked = set(NAME.findall(" ".join(OF_ALERTS + OF_WORKBOOK)))
    assert len(asked) >= 8
    assert asked <= recorded
