"""examples/triage.py on the real app, whose host is killed half way."""

import asyncio
import io
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from devhost.testing.host_process import REPOSITORY, HostProcess
from examples import triage

EMAILS = Path(__file__).parents[2] / "examples" / "emails"


@pytest.mark.kills
async def test_no_email_is_lost_or_answered_twice(start_host: Callable[..., HostProcess]) -> None:
    host = await asyncio.to_thread(start_host, REPOSITORY, OFFLINE_MODEL_LATENCY_SECONDS="0.2")
    if "/runs/email_triage" not in httpx.get(f"{host.url}/api/openapi.json", timeout=30).json()["paths"]:
        pytest.skip("the app has no orchestration email_triage")
    options = triage.parse_arguments([str(EMAILS), "--url", host.url, "--patience", "30"])
    paths = sorted(EMAILS.glob("*.eml"))
    work = asyncio.create_task(triage.triage_all(paths, options, Console(file=io.StringIO())))
    await asyncio.to_thread(wait_for_replies, host.outbox, 4)
    assert not work.done()
    await asyncio.to_thread(host.restart)
    outcomes = Counter(result.outcome for result in await work)
    assert sum(outcomes.values()) == len(paths) and set(outcomes) == {"quarantined", "replied"}
    assert len(list(host.outbox.glob("*.eml"))) == outcomes["replied"]
    assert len(list((host.outbox / "quarantine").iterdir())) == outcomes["quarantined"]


def wait_for_replies(outbox: Path, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(list(outbox.glob("*.eml"))) < count:
        assert time.monotonic() < deadline, f"no {count} replies in {outbox} after 30 s"
        time.sleep(0.05)
