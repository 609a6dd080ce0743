"""A run of a pattern on any host, also on one that is away now and then, with the humans it waits for."""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import pytest

from durable_agents.tests.template.patterns import Pattern

_SECONDS = 60
_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()


class PatternRuns:
    """Starts runs of patterns on one host, and tells each what it waits for until it is over."""

    def __init__(self, url: str, outbox: Path, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self.url = url
        self.outbox = outbox
        self.headers = headers

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response | None:
        """Return the answer, or None when there is no host that gives one."""
        try:
            sent = {**self.headers, **headers}
            return httpx.request(method, f"{self.url}/api/{path}", json=body, headers=sent, timeout=_SECONDS)
        except httpx.TransportError:
            return None

    def skip_without(self, pattern: Pattern) -> None:
        """Skip the test of an orchestration that was deleted."""
        answer = self.ask("GET", "openapi.json")
        assert answer is not None
        if f"/runs/{pattern.name}" not in answer.json()["paths"]:
            pytest.skip(f"this app has no {pattern.name}")

    def publish(self, pattern: Pattern) -> None:
        """Write what was published before the run."""
        folder = self.outbox / "published"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in pattern.published.items():
            (folder / name).write_text(text, encoding="utf-8")
            os.utime(folder / name, (_NOON, _NOON))

    def start(self, pattern: Pattern, key: str) -> str | None:
        """Start a run, once for the key, and return its id; None when there is no host."""
        answer = self.ask("POST", f"runs/{pattern.name}", pattern.input, **{"Idempotency-Key": key})
        if answer is None:
            return None
        assert answer.status_code == 202, answer.text
        return str(answer.json()["instance_id"])

    def tell(self, pattern: Pattern, run_id: str) -> dict[str, Any] | None:
        """Tell a run what it waits for, and return it once it is over."""
        answer = self.ask("GET", f"runs/{run_id}")
        if answer is None:
            return None
        run: dict[str, Any] = answer.json()
        for wait in run["requests"]:
            if wait["kind"] == "approval":
                decision = pattern.approvals[wait["attempt"] - 1]
                self.ask("POST", f"approval/{run_id}", {"request_id": wait["request_id"], **decision})
            elif wait["event_name"] in pattern.events:
                self.ask("POST", f"runs/{run_id}/events/{wait['event_name']}", pattern.events[wait["event_name"]])
        return None if run["runtime_status"] in ("Pending", "Running") else run

    def finish(self, pattern: Pattern, key: str) -> dict[str, Any]:
        """Start a run on a host that lives, and return it when it is over."""
        run_id = self.start(pattern, key)
        assert run_id is not None
        deadline = time.monotonic() + _SECONDS
        while (run := self.tell(pattern, run_id)) is None:
            assert time.monotonic() < deadline, f"not over: {run_id}"
            time.sleep(0.02)
        return run


def check_completed(run: dict[str, Any], output: dict[str, Any]) -> None:
    """Check that a run is completed, and has these things in its output."""
    assert (run["runtime_status"], run["error"]) == ("Completed", None), run
    check_part(output, run["output"])


def check_part(expected: Any, real: Any, path: str = "output") -> None:
    """Check that what is expected is there: a dictionary may have more, a function says whether it is right."""
    if callable(expected):
        assert expected(real), f"{path}: {real}"
    elif isinstance(expected, dict) and isinstance(real, dict):
        for name, value in expected.items():
            check_part(value, real.get(name), f"{path}.{name}")
    else:
        assert real == expected, f"{path}: {real}"


def files_below(folder: Path) -> set[str]:
    """Return the names of the files that the app has written."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
