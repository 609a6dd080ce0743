"""Who blocks the event loop is named."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator

import pytest

from devhost.loop_watch import LoopWatch

LIMIT = 0.1
LONG = 0.6  # longer than the pause between two looks and the limit


@pytest.fixture
async def watch() -> AsyncIterator[LoopWatch]:
    """A watch on the loop of the test."""
    watch = LoopWatch(LIMIT)
    yield watch
    watch.close()


async def blocks_the_loop() -> None:
    time.sleep(LONG)


async def test_a_coroutine_that_blocks_is_named_once(watch: LoopWatch, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        await asyncio.create_task(blocks_the_loop())
        await asyncio.sleep(0)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("devhost.event_loop", logging.WARNING)
    assert "has blocked the event loop for more than 0.1 s" in record.getMessage()
    assert "in blocks_the_loop\n    time.sleep(LONG)" in record.getMessage()


async def test_a_loop_that_waits_is_not_blocked(watch: LoopWatch, caplog: pytest.LogCaptureFixture) -> None:
    await asyncio.sleep(LONG)
    await asyncio.to_thread(time.sleep, LONG)
    assert caplog.records == []


async def test_a_closed_watch_looks_no_more(caplog: pytest.LogCaptureFixture) -> None:
    LoopWatch(LIMIT).close()
    await blocks_the_loop()
    assert caplog.records == []
