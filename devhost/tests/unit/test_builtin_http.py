"""What `context.call_http` makes of an answer."""

import json

from aiohttp import web

from devhost.engine.builtin_http import HttpActivity


async def test_header_that_comes_twice_keeps_both_values() -> None:
    async def answer(request: web.Request) -> web.Response:
        response = web.Response(text="seen")
        response.headers.add("X-Seen", "a")
        response.headers.add("X-Seen", "b")
        response.headers.add("X-Once", "c")
        return response

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    activity = HttpActivity()
    try:
        text = await activity.run(json.dumps({"method": "GET", "uri": f"http://127.0.0.1:{runner.addresses[0][1]}/"}))
    finally:
        await activity.close()
        await runner.cleanup()
    got = json.loads(text)
    assert (got["statusCode"], got["content"]) == (200, "seen")
    assert (got["headers"]["X-Seen"], got["headers"]["X-Once"]) == (["a", "b"], "c")
