"""devhost and Azure's worker library fit together: indexing, invocation, failures.

These tests fail when azure-functions-runtime changes the shape of the steps that `devhost.worker` is made of.
"""

import asyncio
import http.cookies
import json
from importlib.metadata import version

import pytest

from devhost.functions import Function
from devhost.http_messages import HttpRequest, HttpResponse
from devhost.protocol.client_binding import ClientBinding
from devhost.worker import AppLoadError, FunctionFailedError, Worker
from tests.unit.devhost.conftest import IndexApp

APP = """
    import asyncio
    import sys

    import azure.durable_functions as df
    import azure.functions as func

    app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
"""


class App:
    """An indexed app whose functions are called by name."""

    def __init__(self, worker: Worker, functions: list[Function]) -> None:
        self.worker = worker
        self.functions = {function.name: function for function in functions}

    async def run(self, name: str, payload: str = "null") -> str | None:
        """Run an activity, orchestrator or entity."""
        answer: str | None = await self.worker.run(self.functions[name], payload)
        return answer

    async def failure(self, name: str, payload: str = "null") -> FunctionFailedError:
        """Run a function that has to fail and return the failure."""
        with pytest.raises(FunctionFailedError) as failed:
            await self.worker.run(self.functions[name], payload)
        return failed.value


def app(index_app: IndexApp, source: str) -> App:
    worker, functions, refused = index_app(APP + source)
    assert refused == []
    return App(worker, functions)


def request(method: str = "GET", body: bytes = b"", **headers: str) -> HttpRequest:
    return HttpRequest(method, "http://localhost/api/x?a=1", headers, {"a": "1"}, {"id": "7"}, body)


def test_the_pinned_version_of_the_library_is_installed() -> None:
    assert version("azure-functions-runtime") == "1.3.0"


# Indexing


def test_functions_are_described_by_their_trigger_and_clients(index_app: IndexApp) -> None:
    _, functions, refused = index_app(
        APP
        + """
    @app.route(route="start/{name}", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
    @app.durable_client_input(client_name="client")
    async def start(req: func.HttpRequest, client) -> func.HttpResponse:
        return func.HttpResponse("")

    @app.activity_trigger(input_name="who", activity="Greet")
    def hello(who: str) -> str:
        return who

    @app.orchestration_trigger(context_name="context")
    def main(context):
        return None

    @app.entity_trigger(context_name="context", entity_name="Shelf")
    def shelf(context):
        return None
    """
    )
    assert refused == []
    described = [(one.name, one.trigger_type, one.registered_name, one.parameter) for one in functions]
    assert described == [
        ("start", "httpTrigger", "start", "req"),
        ("hello", "activityTrigger", "Greet", "who"),
        ("main", "orchestrationTrigger", "main", "context"),
        ("shelf", "entityTrigger", "Shelf", "context"),
    ]
    start = functions[0]
    assert (start.route, start.methods, start.auth_level) == ("start/{name}", frozenset(["POST"]), "function")
    assert start.client_parameters == ("client",)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("x = 1", "ValueError: Could not find top level function app instances"),
        ("import azure.functions as f\napp = f.FunctionApp()\nmore = f.FunctionApp()", "ValueError: More than one"),
        ("import azure.functions as f\napp = f.FunctionApp()\nalias = app", "ValueError: More than one"),
        ("import no_such_module_at_all", "ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("def broken(:", "SyntaxError: "),
        ("raise RuntimeError('a setting is missing')", "RuntimeError: a setting is missing"),
        (
            "import azure.functions as f\napp = f.FunctionApp()\n"
            "@app.function_name('same')\n@app.route('a')\ndef a(req: f.HttpRequest) -> str: ...\n"
            "@app.function_name('same')\n@app.route('b')\ndef b(req: f.HttpRequest) -> str: ...\n",
            "does not have a unique function name",
        ),
    ],
    ids=["no app", "two apps", "an alias", "import error", "syntax error", "raises", "one name twice"],
)
def test_app_that_cannot_be_loaded_is_refused_with_the_traceback(index_app: IndexApp, source: str, reason: str) -> None:
    with pytest.raises(AppLoadError) as refusal:
        index_app(source)
    text = str(refusal.value)
    assert text.splitlines()[0].endswith("function_app.py cannot be loaded.")
    assert "Traceback (most recent call last):" in text
    assert reason in text


async def test_one_function_that_cannot_be_loaded_is_refused_and_the_others_work(index_app: IndexApp) -> None:
    worker, functions, refused = index_app(
        APP
        + """
    @app.route(route="bad")
    def bad(request: func.HttpRequest) -> str:
        return "the parameter is not named req"

    @app.activity_trigger(input_name="who")
    def hello(who: str) -> str:
        return f"Hello {who}"
    """
    )
    assert [one.name for one in refused] == ["bad"]
    assert "req" in refused[0].reason and "function.json" in refused[0].reason
    assert await App(worker, functions).run("hello", '"you"') == '"Hello you"'


# Activities


@pytest.mark.parametrize("value", [None, 0, "", "text", [1, {"a": None}], {"é": "🐎"}, True, 1.5])
async def test_activity_gets_and_gives_json(index_app: IndexApp, value: object) -> None:
    echo = app(
        index_app,
        """
    @app.activity_trigger(input_name="value")
    def echo(value):
        return [type(value).__name__, value]
    """,
    )
    result = await echo.run("echo", json.dumps(value))
    assert json.loads(str(result)) == [type(value).__name__, value]


async def test_activity_that_returns_nothing_gives_null(index_app: IndexApp) -> None:
    nothing = app(
        index_app,
        """
    @app.activity_trigger(input_name="value")
    def nothing(value):
        return None
    """,
    )
    assert await nothing.run("nothing") in (None, "null")


FAILING = """
    class OfTheApp(Exception):
        pass

    def fail(how):
        match how:
            case "message": raise ValueError("no good")
            case "lines": raise OfTheApp("one\\ntwo")
            case "none": raise RuntimeError
            case "key": raise KeyError("missing")
            case "quoted": raise ValueError("it's \\"quoted\\"\\n\\n$OutOfProcData$:{}")
            case "exit": sys.exit(3)
            case "interrupt": raise KeyboardInterrupt
            case "json": return {1, 2}
            case "iteration": return next(iter([]))
            case "canceled": raise asyncio.CancelledError

    @app.activity_trigger(input_name="how")
    def plain(how):
        return fail(how)

    @app.activity_trigger(input_name="how")
    async def coroutine(how):
        return fail(how)
"""


@pytest.mark.parametrize("name", ["plain", "coroutine"])
@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("message", "ValueError: no good"),
        ("lines", "OfTheApp: one\ntwo"),
        ("none", "RuntimeError: "),
        ("key", "KeyError: 'missing'"),
        ("quoted", 'ValueError: it\'s "quoted"\n\n$OutOfProcData$:{}'),
    ],
)
async def test_failure_keeps_type_and_message_as_azure_sends_them(
    index_app: IndexApp, name: str, how: str, text: str
) -> None:
    failure = await app(index_app, FAILING).failure(name, json.dumps(how))
    assert failure.text == text
    assert "Traceback (most recent call last):" in failure.trace
    assert "in fail" in failure.trace


@pytest.mark.parametrize("name", ["plain", "coroutine"])
async def test_answer_that_json_cannot_hold_fails_with_the_librarys_words(index_app: IndexApp, name: str) -> None:
    failure = await app(index_app, FAILING).failure(name, '"json"')
    assert failure.text.startswith("ValueError: activity trigger output must be json serializable")


@pytest.mark.parametrize("name", ["plain", "coroutine"])
@pytest.mark.parametrize(("how", "text"), [("exit", "SystemExit: 3"), ("interrupt", "KeyboardInterrupt: ")])
async def test_function_that_exits_fails_and_does_not_end_the_host(
    index_app: IndexApp, name: str, how: str, text: str
) -> None:
    failing = app(index_app, FAILING)
    failure = await failing.failure(name, json.dumps(how))
    assert failure.text == text
    assert (await failing.failure(name, '"message"')).text == "ValueError: no good"


@pytest.mark.parametrize("name", ["plain", "coroutine"])
async def test_stop_iteration_is_a_failure_like_any_other(index_app: IndexApp, name: str) -> None:
    failing = app(index_app, FAILING)
    async with asyncio.timeout(2):
        failure = await failing.failure(name, '"iteration"')
    assert "StopIteration" in failure.text


@pytest.mark.parametrize("name", ["plain", "coroutine"])
async def test_cancellation_inside_the_function_is_a_failure_like_any_other(index_app: IndexApp, name: str) -> None:
    failure = await app(index_app, FAILING).failure(name, '"canceled"')
    assert failure.text == "CancelledError: "


async def test_canceling_the_caller_is_no_failure_of_the_function(index_app: IndexApp) -> None:
    waiting = app(
        index_app,
        """
    @app.activity_trigger(input_name="value")
    async def wait(value):
        await asyncio.Event().wait()
    """,
    )
    task = asyncio.create_task(waiting.run("wait"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_plain_functions_run_beside_each_other_and_do_not_block_the_loop(index_app: IndexApp) -> None:
    meeting = app(
        index_app,
        """
    import threading
    meeting = threading.Barrier(3)

    @app.activity_trigger(input_name="value")
    def meet(value: int) -> int:
        meeting.wait(timeout=20)
        return value
    """,
    )
    results = await asyncio.gather(*(meeting.run("meet", str(n)) for n in range(3)))
    assert results == ["0", "1", "2"]


# HTTP functions


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


# Orchestrators and entities


async def test_orchestrator_answers_in_the_sdks_json_and_fails_with_its_label(index_app: IndexApp) -> None:
    both = app(
        index_app,
        """
    @app.orchestration_trigger(context_name="context")
    def ok(context):
        return context.instance_id

    @app.orchestration_trigger(context_name="context")
    def broken(context):
        yield from ()
        raise ValueError("broke")
    """,
    )
    event = {"EventId": -1, "IsPlayed": False, "Timestamp": "2026-01-05T12:00:00Z"}
    history = [{**event, "EventType": 12}, {**event, "EventType": 0, "Name": "x", "Version": None, "Input": None}]
    payload = json.dumps(
        {"history": history, "input": None, "instanceId": "run", "isReplaying": False, "parentInstanceId": None}
        | {"upperSchemaVersion": 1, "upperSchemaVersionNew": 3}
    )
    assert json.loads(str(await both.run("ok", payload)))["output"] == "run"
    failure = await both.failure("broken", payload)
    message, label, state = failure.text.rpartition("\n\n$OutOfProcData$:")
    assert (message, bool(label)) == ("Exception: broke", True)
    assert json.loads(state)["error"] == "broke"


async def test_entity_answers_a_batch(index_app: IndexApp) -> None:
    shelf = app(
        index_app,
        """
    @app.entity_trigger(context_name="context")
    def shelf(context):
        context.set_state(context.get_state(lambda: 0) + context.get_input())
        context.set_result(context.entity_key)
    """,
    )
    batch = [{"name": "add", "input": json.dumps(json.dumps(5)), "isSignal": False, "id": "1"}]
    payload = {"self": {"name": "shelf", "key": "Top"}, "exists": True, "state": "2", "batch": batch}
    result = json.loads(str(await shelf.run("shelf", json.dumps(payload))))
    assert (result["entityExists"], result["entityState"]) == (True, "7")
    assert result["results"][0]["result"] == '"Top"'
