"""What devhost prints of names, ids, payloads and errors: no character of them acts on a terminal."""

import io
import json
import logging
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devhost.__main__ import main
from devhost.hub.rows import Changes, Entity, HistoryRow, Instance, Status
from devhost.hub.store import TaskHub
from devhost.printable import PrintableFormatter, printable, printable_lines
from devhost.testing.plugin import StartHost
from devhost.tests.unit.conftest import SMALL_APP

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
# A title, an erased line, a carriage return, C1, a reversal of direction, nothing at all, half a character, a line.
HOSTILE = "a\x1b]0;t\x07\x1b[2K\rb\x9b31m\u202ec\u200bd\ud83de\nINFO all is well"
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def unseen(text: str) -> set[str]:
    """Return the characters but line ends that draw nothing."""
    return {one for one in text if unicodedata.category(one) in UNSEEN} - {"\n"}


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_becomes_one_line_that_draws_all_it_holds(text: str) -> None:
    shown = printable(text)
    assert not unseen(shown) and "\n" not in shown
    assert printable(shown) == shown
    if not unseen(text) and "\n" not in text:
        assert shown == text


@given(st.recursive(st.none() | st.text(st.characters(exclude_categories=())), st.lists))
def test_json_stays_the_same_json(value: object) -> None:
    shown = printable_lines(json.dumps(value, ensure_ascii=False, indent=2))
    assert not unseen(shown)
    assert json.dumps(json.loads(shown)) == json.dumps(value)


def test_text_of_any_script_stays_as_it_is() -> None:
    assert printable("Grüße, 日本語\u3000に, العربية, 👍") == "Grüße, 日本語\u3000に, العربية, 👍"


@pytest.fixture
def logged() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger and what its handler with our formatter writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PrintableFormatter("%(levelname)s %(message)s"))
    logger = logging.getLogger("tests.printable")
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, stream
    logger.removeHandler(handler)


def test_log_line_cannot_be_forged(logged: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = logged
    text = HOSTILE.replace("\ud83d", "")  # which a report of a test cannot hold
    logger.error("run %s failed", text)
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("trace")
    lines = stream.getvalue().removesuffix("\n").split("\n")
    assert not unseen(stream.getvalue())
    assert [line for line in lines if not line.startswith("    ")] == [lines[0], "ERROR trace"]
    assert "    Traceback (most recent call last):" in lines


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A task hub in which everything that comes from outside is hostile, but stored as SQLite can."""
    text = HOSTILE.replace("\ud83d", "")
    payload = json.dumps(HOSTILE)
    raw = json.dumps(text, ensure_ascii=False)
    instance = Instance(text, "e", text, Status.FAILED, NOW, NOW, payload, raw, json.dumps({"k": text}))
    stamp = NOW.isoformat()
    events = [
        {"EventType": 4, "EventId": 0, "Timestamp": stamp, "Name": text},
        {"EventType": 6, "EventId": -1, "Timestamp": stamp, "TaskScheduledId": 0, "Reason": text},
        {"EventType": 15, "EventId": -1, "Timestamp": stamp, "Name": text, "Input": "1"},
    ]
    history = [(text, n, HistoryRow(json.dumps(event, ensure_ascii=False))) for n, event in enumerate(events)]
    path = tmp_path / "state.db"
    with closing(TaskHub(path)) as hub:
        hub.commit([Changes(instances=[instance], history=history, entity=Entity(f"@counter@{text}", True, raw, NOW))])
    return path


@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize("what", ["table", "one", "entities", "entity"])
def test_inspect_prints_nothing_raw(
    database: Path, capsys: pytest.CaptureFixture[str], what: str, as_json: list[str]
) -> None:
    text = HOSTILE.replace("\ud83d", "")
    arguments = {"table": [], "one": [text], "entities": ["--entities"], "entity": [f"@counter@{text}"]}[what]
    assert main(["inspect", "--db", str(database), *arguments, *as_json]) == 0
    shown = capsys.readouterr().out
    assert not unseen(shown)
    shown.encode()
    assert not [line for line in shown.splitlines() if line.startswith("INFO")]
    if as_json:
        json.loads(shown)


def test_unknown_id_is_told_without_its_controls(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--db", str(database), "\x1b[2Kx\u202e"]) == 1
    assert not unseen(capsys.readouterr().err)


@pytest.mark.skipif(sys.platform == "win32", reason="reads the log of a child in UTF-8")
def test_host_logs_nothing_raw(start_host: StartHost) -> None:
    host = start_host(app_root=SMALL_APP)
    with host.client() as http:
        name = "x%1b%5D0;pwned%07%1b%5B2K%0D%0A00:00:00%20INFO%20all%20is%20well"
        for route in (f"orchestrators/{name}", f"orchestrators/fail_with/id{name}"):
            http.post(f"/runtime/webhooks/durabletask/{route}", json="\x1b[2Kfailed\r\nINFO")
        http.post("/runtime/webhooks/durabletask/orchestrators/echo/after?timeout=5", json=1)
        http.get("/runtime/webhooks/durabletask/instances/after?timeout=1")
    host.stop()
    assert not unseen(host.output())
    assert not [line for line in host.output().splitlines() if line.startswith("00:00:00 INFO all")]
