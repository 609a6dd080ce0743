"""A page of elsewhere, in a real browser, neither starts anything on the host nor reads from it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from playwright.async_api import BrowserContext, async_playwright

from devhost.testing.host_process import REPOSITORY
from devhost.tests.support.hub_over_http import ROOT, HubOverHttp

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    # What DNS rebinding does: the page's own name points to this machine.
    "--host-resolver-rules=MAP evil.example 127.0.0.1",
]
ATTACK = """async (host) => {
    const start = (id) => `${host}/runtime/webhooks/durabletask/orchestrators/echo/${id}`;
    await fetch(start("fetched"), {method: "POST", mode: "no-cors", body: "1"}).catch(() => {});
    navigator.sendBeacon(start("beacon"), "1");
    const form = document.createElement("form");
    Object.assign(form, {method: "POST", enctype: "text/plain", action: start("form"), target: "frame"});
    const frame = Object.assign(document.createElement("iframe"), {name: "frame"});
    document.body.append(frame, form);
    const loaded = new Promise((resolve) => { frame.onload = resolve; });
    form.submit();
    await loaded;
    const image = new Image();
    await new Promise((resolve) => { image.onload = image.onerror = resolve; image.src = `${host}/api/mirror`; });
    return await fetch(`${host}/runtime/webhooks/durabletask/instances`).then((answer) => answer.text(), String);
}"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[BrowserContext]:
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=CHROMIUM, args=FLAGS
        )
        yield context
        await context.close()


@pytest.fixture
async def page_port() -> AsyncIterator[int]:
    """The port of a server of one empty page."""
    app = web.Application()

    async def empty_page(request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>a page</title><body>", content_type="text/html")

    app.router.add_get("/", empty_page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port: int = runner.addresses[0][1]
    yield port
    await runner.cleanup()


@pytest.mark.parametrize(("name", "is_ours"), [("evil.localhost", False), ("evil.example", False), ("localhost", True)])
async def test_a_page_of_elsewhere_starts_nothing(
    browser: BrowserContext, page_port: int, start_host: Any, name: str, is_ours: bool
) -> None:
    host = await asyncio.to_thread(start_host, app_root=REPOSITORY / "devhost" / "tests" / "apps" / "small")
    page = await browser.new_page()
    await page.goto(f"http://{name}:{page_port}/")
    read = await page.evaluate(ATTACK, f"http://localhost:{urlsplit(host.url).port}")
    # Not even a page of this machine on another port may read: the host allows no cross-origin reading.
    assert read == "TypeError: Failed to fetch"
    with host.client() as http:
        await asyncio.sleep(0.3)
        started = set(HubOverHttp(http).ids())
    assert started == ({"fetched", "beacon", "form"} if is_ours else set())


async def test_a_name_that_was_made_to_point_here_reads_nothing(browser: BrowserContext, start_host: Any) -> None:
    host = await asyncio.to_thread(start_host, app_root=REPOSITORY / "devhost" / "tests" / "apps" / "small")
    page = await browser.new_page()
    for path in (f"{ROOT}/instances", "/api/mirror", "/runtime/webhooks/mcp"):
        answer = await page.goto(f"http://evil.example:{urlsplit(host.url).port}{path}")
        assert answer is not None
        assert (answer.status, "Call it as localhost" in await answer.text()) == (403, True)
    answer = await page.goto(f"http://localhost:{urlsplit(host.url).port}/api/mirror")
    assert answer is not None
    assert answer.status == 200
