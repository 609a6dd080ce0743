"""The queries that an operator has: those of docs/operations.md, about metrics and attributes that the library has."""

import json
import re

import pytest

from infra.tests.bicep_file import INFRA
from infra.tests.infrastructure import Infrastructure

PROJECT = INFRA.parent
PAGE = PROJECT / "docs" / "operations.md"
NAME = re.compile(r"durable_agents\.[a-z_.]+")


def alerts_of(project: Infrastructure) -> list[str]:
    """Return the queries of the alerts."""
    return [query.strip() for query in re.findall(r"'''\n(.*?)'''", project.bicep["alerts"].source, re.DOTALL)]


def workbook_of(project: Infrastructure) -> dict[str, str]:
    """Return the queries of the workbook by their titles."""
    items = json.loads(project.read("infra/modules/workbook.json"))["items"]
    return {item["name"]: item["content"]["query"] for item in items if item["type"] == 3}


@pytest.mark.skipif(not PAGE.exists(), reason="this project has no docs/operations.md")
def test_the_page_has_every_query(project: Infrastructure) -> None:
    page, alerts, workbook = PAGE.read_text(encoding="utf-8"), alerts_of(project), workbook_of(project)
    assert (len(alerts), len(workbook)) == (4, 5)
    queries = [query.strip() for query in re.findall(r"```kusto\n(.*?)```", page, re.DOTALL)]
    assert queries == [*workbook.values(), *alerts]
    assert [title for title in workbook if f"**{title}**" not in page] == []
    titles = re.findall(r"title: '(.+)'", project.bicep["alerts"].source)
    assert [title for title in titles if f"### {title}" not in page] == []


def test_what_is_asked_for_is_recorded(project: Infrastructure) -> None:
    library = PROJECT / "durable_agents"
    files = [library / "sessions" / "turn_span.py", *library.glob("runs/*.py"), *library.glob("orchestration/*.py")]
    recorded = set(NAME.findall(" ".join(file.read_text(encoding="utf-8") for file in files)))
    asked = set(NAME.findall(" ".join([*alerts_of(project), *workbook_of(project).values()])))
    assert len(asked) >= 8
    assert asked <= recorded
