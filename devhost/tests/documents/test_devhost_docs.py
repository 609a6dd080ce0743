"""devhost/docs/devhost.md claims nothing without a test, and leaves out nothing that the protocol has."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.durable_functions.models.actions.ActionType import ActionType
from azure.durable_functions.models.history.HistoryEventType import HistoryEventType

from devhost.functions import TriggerType
from devhost.tests.conformance.player.recorded_cases import CASES

TESTS = Path(__file__).parents[1]
PROJECT = TESTS.parent
HEADING = "| feature | here | shown by | note |"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table of features: what it is, `yes`, `no` or `differs`, its evidence and the note on it."""

    feature: str
    here: str
    tests: tuple[str, ...]
    cases: tuple[str, ...]
    note: str


def read_rows() -> Iterator[Row]:
    in_table = False
    for line in (PROJECT / "docs" / "devhost.md").read_text(encoding="utf-8").splitlines():
        in_table = line == HEADING or (in_table and line.startswith("|"))
        if in_table and line != HEADING and not line.startswith("|---"):
            feature, here, shown_by, note = (cell.strip() for cell in line.strip("|").split("|"))
            cases = tuple(re.findall(r"case `(\w+)`", shown_by))
            yield Row(feature, here, tuple(re.findall(r"`(\w+\.py::\w+)`", shown_by)), cases, note)


ROWS = list(read_rows())
DIFFERS: dict[str, str] = json.loads((TESTS / "conformance" / "recordings" / "differs.json").read_text("utf-8"))


def existing_tests() -> set[str]:
    """Return every test of the project as `file::name`."""
    return {
        f"{file.name}::{node.name}"
        for file in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def features_in_code() -> set[str]:
    """Return the names of the SDK's actions and events, and of devhost's triggers and management routes."""
    return {*ActionType.__members__, *HistoryEventType.__members__, *TriggerType} | set(management_routes())


def management_routes() -> Iterator[str]:
    source = (PROJECT / "web" / "management.py").read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "_route":
            method, template, _ = node.args
            yield f"{ast.literal_eval(method)} {ast.literal_eval(template)}"


def test_every_named_test_and_case_exists() -> None:
    named = {name for row in ROWS for name in row.tests}
    text = (PROJECT / "docs" / "devhost.md").read_text(encoding="utf-8")
    assert named | set(re.findall(r"test_\w+\.py::\w+", text)) <= existing_tests()
    assert {name for row in ROWS for name in row.cases} <= CASES.keys()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.feature)
def test_row_gives_evidence_or_a_reason(row: Row) -> None:
    assert row.here in ("yes", "no", "differs")
    if row.here != "no":
        assert row.tests or row.cases, "a claim needs a test that shows it"
    if row.here != "yes":
        assert row.note, "what is not as on Azure needs a reason"


def test_recorded_differences_are_told_and_only_they() -> None:
    told = {name for row in ROWS if row.here == "differs" for name in row.cases}
    claimed = {name for row in ROWS if row.here == "yes" for name in row.cases}
    assert told == DIFFERS.keys()
    assert not claimed & DIFFERS.keys()


def test_every_recorded_case_has_a_row() -> None:
    assert CASES.keys() == {name for row in ROWS for name in row.cases}


def test_every_feature_in_the_code_has_a_row() -> None:
    told = {name for row in ROWS for name in re.findall(r"`([^`]+)`", row.feature)}
    assert features_in_code() <= told
    assert len(list(management_routes())) >= 15
