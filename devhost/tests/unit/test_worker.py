"""devhost and Azure's worker library fit together: invocation and failures.

These tests fail when azure-functions-runtime changes the shape of the steps that `devhost.worker` is made of.
"""

import asyncio
import json
from importlib.metadata import version

import pytest

from devhost.tests.unit.conftest import IndexApp
from devhost.tests.unit.worker_app import app


def test_the_pinned_version_of_the_library_is_installed() -> None:
    assert version("azure-functions-runtime") == "1.3.0"


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

    class Unprintable(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    def fail(how):
        match how:
            case "message": raise ValueError("no good")
            case "lines": raise OfTheApp("one\\ntwo")
            case "unprintable": raise Unprintable
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
        ("unprintable", "Unprintable: (its text cannot be had: RuntimeError)"),
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
