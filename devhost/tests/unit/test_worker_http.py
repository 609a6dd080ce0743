"""HTTP functions through Azure's worker library: what they see of a request, and what their answer becomes."""

import http.cookies

import pytest

from devhost.http_messages import HttpRequest, HttpResponse
from devhost.protocol.client_binding import ClientBinding
from devhost.tests.unit.conftest import IndexApp
from devhost.tests.unit.worker_app import app
from devhost.worker import FunctionFailedError


def request(method: str = "GET", body: bytes = b"", **headers: str) -> HttpRequest:
    return HttpRequest(method, "http://localhost/api/x?a=1", headers, {"a": "1"}, {"id": "7"}, body)


async def run_http(index_app: IndexApp, body: str, http_request: HttpRequest | None = None) -> HttpResponse:
    """Answer a request with a function of this body."""
    source = f"""
    @app.route(route="x")
    def x(req: func.HttpRequest) -> func.HttpResponse:
        {body}
    """
    one = app(index_app, source)
    return await one.worker.run_http(one.functions["x"], http_request or request(), "")


async def test_function_sees_the_whole_request(index_app: IndexApp) -> None:
    response = await run_http(
        index_app,
        "return func.HttpResponse(repr((req.method, req.url, req.headers['X-Own'], dict(req.params), "
        "dict(req.route_params), req.get_body())))",
        request("PUT", b"\x00\xff", **{"x-own": "1,2"}),
    )
    seen = ("PUT", "http://localhost/api/x?a=1", "1,2", {"a": "1"}, {"id": "7"}, b"\x00\xff")
    assert response.body.decode() == repr(seen)


async def test_json_body_is_read_and_a_bad_one_is_a_value_error(index_app: IndexApp) -> None:
    response = await run_http(
        index_app, "return func.HttpResponse(req.get_json()['name'])", request("POST", '{"name": "Ž"}'.encode())
    )
    assert response.body.decode() == "Ž"


async def test_response_keeps_status_headers_type_and_body(index_app: IndexApp) -> None:
    response = await run_http(
        index_app,
        "return func.HttpResponse(b'\\x00\\xff', status_code=418, mimetype='image/x', headers={'X-Own': 'y'})",
    )
    assert (response.status, response.body) == (418, b"\x00\xff")
    assert response.headers["X-Own"] == "y"
    assert response.headers["content-type"] == "image/x"


async def test_response_without_body_is_empty(index_app: IndexApp) -> None:
    response = await run_http(index_app, "return func.HttpResponse(status_code=404)")
    assert (response.status, response.body) == (404, b"")


async def test_text_is_a_plain_text_response(index_app: IndexApp) -> None:
    source = """
    @app.route(route="x")
    def x(req: func.HttpRequest) -> str:
        return "žluťoučký"
    """
    one = app(index_app, source)
    response = await one.worker.run_http(one.functions["x"], request(), "")
    assert (response.status, response.body) == (200, "žluťoučký".encode())
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


async def test_nothing_returned_fails_with_the_librarys_words_as_on_azure(index_app: IndexApp) -> None:
    with pytest.raises(FunctionFailedError) as failed:
        await run_http(index_app, "return None")
    assert failed.value.text.startswith("TypeError: unable to encode outgoing TypedData")
    assert failed.value.text.endswith('Python type "NoneType"')


async def test_function_without_a_response_binding_answers_204(index_app: IndexApp) -> None:
    one = app(
        index_app,
        """
    @app.generic_trigger(arg_name="req", type="httpTrigger", route="x")
    def x(req: func.HttpRequest) -> None:
        return None
    """,
    )
    response = await one.worker.run_http(one.functions["x"], request(), "")
    assert (response.status, response.body) == (204, b"")


async def test_several_cookies_stay_apart(index_app: IndexApp) -> None:
    response = await run_http(
        index_app,
        "response = func.HttpResponse('');"
        "response.headers.add('Set-Cookie', 'a=1; Path=/; HttpOnly; SameSite=Lax');"
        "response.headers.add('Set-Cookie', 'b=2; Max-Age=60');"
        "return response",
    )
    assert "set-cookie" not in {name.lower() for name in response.headers}
    jar = http.cookies.SimpleCookie()
    for cookie in response.cookies:
        jar.load(cookie)
    assert (jar["a"].value, jar["a"]["path"], jar["a"]["samesite"], bool(jar["a"]["httponly"])) == (
        "1",
        "/",
        "Lax",
        True,
    )
    assert (jar["b"].value, jar["b"]["max-age"]) == ("2", "60")


async def test_failing_http_function_fails_the_same_way(index_app: IndexApp) -> None:
    with pytest.raises(FunctionFailedError) as failed:
        await run_http(index_app, "raise ValueError('secret')")
    assert failed.value.text == "ValueError: secret"


async def test_http_function_gets_its_durable_client(index_app: IndexApp) -> None:
    source = """
    @app.route(route="x")
    @app.durable_client_input(client_name="client")
    async def x(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        return func.HttpResponse(client.create_http_management_payload("r-42")["statusQueryGetUri"])
    """
    one = app(index_app, source)
    binding = ClientBinding("http://x", "http://x", "TheHub", "Storage").dump()
    response = await one.worker.run_http(one.functions["x"], request(), binding)
    assert response.body.startswith(b"http://x/runtime/webhooks/durabletask/instances/r-42?taskHub=TheHub&")
