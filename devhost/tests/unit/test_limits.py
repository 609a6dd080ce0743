"""What the web server in front of the functions takes of a request, and how long it waits for it."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from aiohttp import web

from devhost.web.limits import Limits
from devhost.web.server import listen


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/mirror?a=" + "x" * 8100, {}, 200),
        ("/api/mirror?a=" + "x" * 9000, {}, 414),
        ("/api/mirror", {"X-A": "a" * 30_000}, 200),
        ("/api/mirror", {"X-A": "a" * 40_000}, 431),
        ("/api/mirror", {f"X-{n}": "a" * 4_000 for n in range(10)}, 431),
        ("/api/mirror", {f"X-{n}": "a" for n in range(101)}, 431),
        ("/api/mirror/a%00b", {}, 400),
        ("/runtime/webhooks/durabletask/instances/a%00b", {}, 400),
        ("/api/mirror?a=b%00c", {}, 200),
    ],
)
def test_what_is_too_large_or_cannot_be_served_reaches_no_function(
    http: httpx.Client, path: str, headers: dict[str, str], status: int
) -> None:
    response = http.get(path, headers=headers)
    assert response.status_code == status
    assert status == 200 or response.content == b""


# Slow clients

HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of a server that answers with the body, and waits a fraction of a second where the host waits long."""
    limits = Limits(idle_seconds=0.3, body_seconds=0.3)

    async def echo(request: web.Request) -> web.StreamResponse:
        return await limits.receive(request) or web.Response(body=await request.read())

    runner = limits.runner(echo)
    await runner.setup()
    listener = listen("127.0.0.1", 0)
    await web.SockSite(runner, listener).start()
    yield listener.getsockname()[1]
    await runner.cleanup()


async def answer(port: int, *pieces: bytes, pause: float = 0.0) -> bytes:
    """Send pieces with pauses between them and return all that is answered until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(pause)
    text = await asyncio.wait_for(reader.read(), 15)
    writer.close()
    return text


@pytest.mark.parametrize("sent", [b"", b"POST / HT", HEAD, HEAD + b"X-A: "], ids=["nothing", "line", "head", "header"])
async def test_a_connection_without_a_whole_head_is_closed(port: int, sent: bytes) -> None:
    assert await answer(port, sent) == b""


async def test_a_head_that_comes_letter_by_letter_is_given_no_more_time(port: int) -> None:
    letters = [HEAD[i : i + 1] for i in range(12)]
    began = asyncio.get_running_loop().time()
    assert await answer(port, *letters, pause=0.02) == b""
    assert asyncio.get_running_loop().time() - began < 5


async def test_a_connection_that_is_idle_after_an_answer_is_closed(port: int) -> None:
    text = await answer(port, HEAD + b"\r\n0123456789")
    assert text.startswith(b"HTTP/1.1 200 OK")
    assert text.endswith(b"0123456789")


@pytest.mark.parametrize("body", [b"", b"01234"])
async def test_a_body_that_does_not_arrive_is_408_and_the_connection_is_closed(port: int, body: bytes) -> None:
    assert (await answer(port, HEAD + b"\r\n" + body)).startswith(b"HTTP/1.1 408 ")


async def test_a_body_in_chunks_that_are_none_is_400(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert (await answer(port, head + b"zz\r\n")).split()[1] == b"400"


async def test_others_are_served_while_slow_ones_are_waited_for(port: int) -> None:
    slow = [asyncio.create_task(answer(port, HEAD + b"\r\n0")) for _ in range(50)]
    text = await answer(port, HEAD + b"Connection: close\r\n\r\n0123456789")
    assert text.endswith(b"0123456789")
    assert all(one.startswith(b"HTTP/1.1 408 ") for one in await asyncio.gather(*slow))
