"""Whole runs on a host: the engine, Azure's worker library, the SDK and real time together."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from devhost.tests.support.hub_over_http import HubOverHttp


def attempts(path: Path) -> int:
    return len(path.with_name(f"{path.name}.attempts").read_text(encoding="ascii"))


def test_retries_side_by_side_and_an_activity_without_end_with_all_results(
    hub: HubOverHttp, prefix: str, tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in "abc"]
    hub.start("read_files_with_retries", f"{prefix}a", [str(path) for path in paths])
    for path in paths:
        path.write_text(path.name, encoding="ascii")
    status = hub.until(f"{prefix}a", "Completed")
    assert status["output"] == ["a", "b", "c", "Hello reader"]
    assert all(attempts(path) in (1, 2, 3) for path in paths)


def test_retries_that_are_spent_fail_the_run_after_exactly_so_many_attempts(
    hub: HubOverHttp, prefix: str, tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in "abc"]
    status = hub.run("read_files_with_retries", f"{prefix}a", [str(path) for path in paths])
    assert status["runtimeStatus"] == "Failed"
    assert "Activity function 'need_file' failed: FileNotFoundError" in status["output"]
    assert [attempts(path) for path in paths] == [3, 3, 3]


def test_events_wait_for_their_run(hub: HubOverHttp, prefix: str) -> None:
    hub.start("wait_for_go", f"{prefix}a")
    hub.raise_event(f"{prefix}a", "go", {"n": 1})
    assert hub.until(f"{prefix}a", "Completed")["output"] == {"n": 1}


def test_timer_fires_by_itself(hub: HubOverHttp, prefix: str) -> None:
    assert hub.run("sleep_on_a_timer", f"{prefix}a", 0.05)["output"] == "woke up"


def test_many_runs_at_once_all_end_with_their_own_result(hub: HubOverHttp, prefix: str) -> None:
    ids = [f"{prefix}{n}" for n in range(40)]
    for one in ids:
        hub.start("greet", one, one)
    assert [hub.until(one, "Completed")["output"] for one in ids] == [f"Hello {one}" for one in ids]


# context.call_http


@pytest.fixture
async def server() -> AsyncIterator[str]:
    """A server that shows requests, redirects and fails; gives its URL."""

    async def show(request: web.Request) -> web.Response:
        body = await request.text()
        return web.Response(
            status=int(request.query.get("status", 200)), text=body or "nothing", headers={"X-Own": "1"}
        )

    async def redirect(request: web.Request) -> web.Response:
        raise web.HTTPFound("/show")

    app = web.Application()
    app.router.add_route("*", "/show", show)
    app.router.add_route("*", "/redirect", redirect)
    runner = web.AppRunner(app)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    await runner.cleanup()


@pytest.mark.parametrize(("path", "status"), [("/show", 200), ("/show?status=503", 503), ("/redirect", 302)])
async def test_any_answer_is_a_result_and_redirects_are_not_followed(
    hub: HubOverHttp, prefix: str, server: str, path: str, status: int
) -> None:
    ended = await asyncio.to_thread(hub.run, "use_http", f"{prefix}a", f"{server}{path}")
    assert ended["output"]["statusCode"] == status
    headers = {name.lower(): value for name, value in ended["output"]["headers"].items()}
    assert not headers.keys() & {"content-type", "content-length"}
    if path != "/redirect":
        assert (ended["output"]["content"], headers["x-own"]) == ("nothing", "1")


def failure_of_http(hub: HubOverHttp, instance_id: str, url: str) -> str:
    status = hub.run("use_http", instance_id, url)
    assert status["runtimeStatus"] == "Failed"
    return str(status["output"])


def test_refused_connection_is_named(hub: HubOverHttp, prefix: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert f"Connection refused (127.0.0.1:{port})" in failure_of_http(hub, f"{prefix}a", f"http://127.0.0.1:{port}/")


def test_text_that_is_no_url_is_named(hub: HubOverHttp, prefix: str) -> None:
    assert "nonsense" in failure_of_http(hub, f"{prefix}a", "nonsense")


def test_unknown_host_is_said_to_be_unknown(hub: HubOverHttp, prefix: str) -> None:
    output = failure_of_http(hub, f"{prefix}a", "http://no-such-host.invalid/")
    assert "no-such-host.invalid" in output
    assert "Unknown error" not in output


def test_failure_of_tls_is_said_to_be_one(hub: HubOverHttp, prefix: str, http: httpx.Client) -> None:
    output = failure_of_http(hub, f"{prefix}a", f"https://127.0.0.1:{http.base_url.port}/")
    assert "SSL" in output
    assert "Operation not permitted" not in output
