"""The reviewer's page in a real browser: Chromium, without a window."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import BrowserContext, Page, ViewportSize, async_playwright

from durable_agents.testing.chat_server import Answer, ChatCompletionsServer

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = ViewportSize(width=375, height=667)
SCRIPT = "document.title = 'taken over'; fetch('/api/health')"
HOSTILE = (
    f"</pre></textarea></section></main><script>{SCRIPT}</script>"
    f'<img src="/api/health" onerror="{SCRIPT}"><svg onload="{SCRIPT}"><iframe src="/api/health"></iframe>'
    "<style>* { display: none }</style><form action='https://example.com'><button autofocus>Approve</button></form>"
    f"\u202etxet desrever\u202c \x00 \u3164{'no-end-of-this-word' * 40}\n\n  two blanks\tand a tab\n"
) + "One more line, with <b>tags</b> & entities &lt;b&gt;.\n" * 2_000

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[BrowserContext]:
    """Chromium on a phone's screen, with a profile of its own."""
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=CHROMIUM, args=FLAGS, viewport=PHONE
        )
        yield context
        await context.close()


async def open_link(browser: BrowserContext, host: Any, instance_id: str) -> Page:
    """Open the link that is in the outbox for this run."""
    while not (found := list((host.outbox / "reviews").glob(f"{instance_id}-*.json"))):
        await asyncio.sleep(0.02)
    (link,) = json.loads(found[0].read_text(encoding="utf-8"))["links"]
    page = await browser.new_page()
    url = urlsplit(link["url"])
    await page.goto(f"{host.url}{url.path}#{url.fragment}")
    await page.wait_for_selector("#review:visible")
    return page


async def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than the screen."""
    pixels: int = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return pixels


async def focused(page: Page) -> str:
    """Return the text or the name of the element that has the focus, if the focus can be seen."""
    assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    name: str = await page.evaluate("document.activeElement.name + ' ' + document.activeElement.value")
    return name


async def test_a_draft_is_approved_with_the_keyboard(browser: BrowserContext, start_host: Any, api_of: Any) -> None:
    host = await asyncio.to_thread(start_host)
    api = api_of(host)
    instance_id = await asyncio.to_thread(api.start, "content_approval", {"topic": "tea & <biscuits>"})
    page = await open_link(browser, host, instance_id)
    draft = await asyncio.to_thread(api.draft, instance_id)
    assert draft["preview"] == await page.text_content("pre")
    assert "tea & <biscuits>" in draft["preview"]

    await page.keyboard.press("Tab")
    assert await focused(page) == "feedback "
    await page.keyboard.type("Well done")
    await page.keyboard.press("Tab")
    assert await focused(page) == "decision approve"
    await page.keyboard.press("Tab")
    assert await focused(page) == "decision reject"
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("text=The draft was approved")

    output = await asyncio.to_thread(api.finish, instance_id)
    assert output["outcome"] == "published"
    assert [(d["channel"], d["feedback"]) for d in output["decisions"]] == [("link", "Well done")]
    assert "tea & <biscuits>" in Path(output["publication"]["location"]).read_text(encoding="utf-8")
    assert await page.evaluate("document.activeElement.id") == "title"
    await page.reload()
    await page.wait_for_selector("text=The draft was approved")
    assert urlsplit(page.url).fragment
    assert urlsplit(page.url).fragment not in host.output()


async def test_a_hostile_draft_is_read_whole_and_does_nothing(
    browser: BrowserContext, start_host: Any, api_of: Any, model: ChatCompletionsServer
) -> None:
    requested: list[str] = []
    browser.on("request", lambda request: requested.append(request.url))
    model.script(Answer(json.dumps({"title": HOSTILE[:300], "content": HOSTILE})))
    host = await asyncio.to_thread(start_host, **model.settings)
    instance_id = await asyncio.to_thread(api_of(host).start, "content_approval", {"topic": "tea"})
    page = await open_link(browser, host, instance_id)

    shown = HOSTILE.replace("\u202e", "U+202E").replace("\u202c", "U+202C").replace("\x00", "U+0000")
    shown = shown.replace("\u3164", "U+3164")
    assert len(HOSTILE) > 100_000
    assert await page.text_content("pre") == shown
    assert await page.title() == "A draft waits for your decision"
    assert await page.locator("img, iframe, svg").count() == 0
    assert await page.locator("script").count() == 1
    assert "has 4 characters that cannot be seen" in (await page.text_content("#warning") or "")
    assert await page.locator("mark").all_text_contents() == ["U+202E", "U+202C", "U+0000", "U+3164"]
    assert await page.get_by_role("button").count() == 2
    assert await page.evaluate("document.activeElement === document.body")
    assert await overflow(page) == 0
    # A browser sends the part after "#" to nobody.
    assert requested == [f"{host.url}/api/review"] * 2

    await page.get_by_label("Feedback").fill("Without the tags, please.")
    await page.get_by_role("button", name="Reject").click()
    await page.wait_for_selector("text=The draft was rejected")
    assert await overflow(page) == 0
    assert set(requested) == {f"{host.url}/api/review", f"{host.url}/api/review/decision"}


async def test_the_pages_fit_a_phone_and_their_fields_have_names(
    browser: BrowserContext, start_host: Any, api_of: Any
) -> None:
    host = await asyncio.to_thread(start_host)
    instance_id = await asyncio.to_thread(api_of(host).start, "content_approval", {"topic": "tea"})
    page = await open_link(browser, host, instance_id)
    assert await overflow(page) == 0
    for role, name in (("textbox", "Feedback"), ("button", "Approve"), ("button", "Reject")):
        box = await page.get_by_role(role, name=name).bounding_box()  # type: ignore[arg-type]  # a closed list of texts
        assert box is not None
        # A finger needs some room.
        assert box["height"] >= 40
    await page.goto(page.url + "x")
    await page.wait_for_selector("text=This link is not valid")
    assert await overflow(page) == 0


async def test_the_page_says_what_to_do_without_a_link_without_scripts_and_without_the_app(
    browser: BrowserContext, start_host: Any, api_of: Any
) -> None:
    host = await asyncio.to_thread(start_host)
    instance_id = await asyncio.to_thread(api_of(host).start, "content_approval", {"topic": "tea"})
    page = await open_link(browser, host, instance_id)
    assert await page.is_hidden("#warning")
    bare = await browser.new_page()
    await bare.goto(f"{host.url}/api/review")
    await bare.wait_for_selector("text=Copy it whole")

    await asyncio.to_thread(host.kill)
    await page.get_by_role("button", name="Approve").click()
    await page.wait_for_selector("text=The app cannot be reached")
    await asyncio.to_thread(host.start)
    await page.get_by_role("button", name="Approve").click()
    await page.wait_for_selector("text=The draft was approved")


async def test_who_has_switched_scripts_off_is_told_how_to_decide(start_host: Any, tmp_path: Path) -> None:
    host = await asyncio.to_thread(start_host)
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            tmp_path / "no-script", executable_path=CHROMIUM, args=FLAGS, java_script_enabled=False
        )
        page = await context.new_page()
        await page.goto(f"{host.url}/api/review#secret")
        assert "This page needs JavaScript" in (await page.locator("main").inner_text())
        assert await page.get_by_role("button").count() == 0
        await context.close()
