"""What the terminal shows of an app's code: its log lines, once, and its failures, in the frames of its authors."""

import asyncio
import io
import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.util import find_spec, module_from_spec
from typing import Any

import pytest
from azure.functions import _durable_functions

from devhost.app_settings import load_host_settings
from devhost.clock import SystemClock
from devhost.console_log import ConsoleFormatter
from devhost.engine.engine import Engine
from devhost.functions import FunctionTable
from devhost.hub.store import TaskHub
from devhost.sessions import Mode
from devhost.tests.unit.conftest import SMALL_APP, IndexApp
from devhost.tests.unit.worker_app import App, app
from devhost.tracebacks import of_the_app, trace
from devhost.user_log import about, is_wanted, silenced

APP = """
    import asyncio
    import logging
    import time
    from dataclasses import dataclass
    from pydantic import BaseModel

    log = logging.getLogger("shop")

    class Word(BaseModel):
        text: str
        count: int

    @dataclass
    class Point:
        x: int

    @app.activity_trigger(input_name="value")
    def note(value):
        log.info("noted %s", value)
        return value

    @app.activity_trigger(input_name="value")
    async def note_later(value):
        await asyncio.sleep(0)
        await asyncio.to_thread(log.info, "noted %s", value)
        return value

    @app.activity_trigger(input_name="value")
    def explode(value):
        return look_up({}, value)

    def look_up(table, key):
        return table[key]

    @app.activity_trigger(input_name="value")
    def parse(value):
        Word.model_validate({"count": "many"})

    @app.activity_trigger(input_name="value")
    def give_set(value):
        return {1}

    @app.activity_trigger(input_name="value")
    def give_much(value):
        return "x" * 1_100_000

    @app.entity_trigger(context_name="context")
    def Counter(context):
        if context.operation_name == "break":
            raise ValueError("no good\\nat all")
        context.set_state(1)

    @app.orchestration_trigger(context_name="context")
    def story(context):
        log.info("%s: begins", context.instance_id)
        yield context.call_activity("note", 1)
        log.info("goes on")
        yield context.wait_for_external_event("go")
        log.info("has waited")
        yield from last_step(context)
        return "ok"

    def last_step(context):
        yield context.call_activity("note_later", 2)
        log.info("ends")

    @app.orchestration_trigger(context_name="context")
    def call(context):
        result = yield context.call_activity(context.get_input(), "x")
        return str(result)[:1]

    @app.orchestration_trigger(context_name="context")
    def fails_itself(context):
        yield context.call_activity("note", 1)
        try:
            look_up({}, "nope")
        except KeyError as ex:
            raise RuntimeError("no such thing") from ex

    @app.orchestration_trigger(context_name="context")
    def breaks_counter(context):
        counter = df.EntityId("Counter", "a")
        context.signal_entity(counter, "break")
        yield context.call_entity(counter, "add")

    @app.orchestration_trigger(context_name="context")
    def generations(context):
        number = context.get_input()
        log.info("generation %d", number)
        yield context.call_activity("note", number)
        if number < 3:
            context.continue_as_new(number + 1)

    @app.orchestration_trigger(context_name="context")
    def without_steps(context):
        log.info("is no generator")
        return 1

    @app.orchestration_trigger(context_name="context")
    def sleeps(context):
        time.sleep(1.1)
        yield context.call_activity("note", 1)

    @app.orchestration_trigger(context_name="context")
    def yields_generator(context):
        yield last_step(context)

    @app.orchestration_trigger(context_name="context")
    def yields_nothing_known(context):
        yield {"not": "a task"}

    @app.orchestration_trigger(context_name="context")
    def takes_task_for_result(context):
        result = context.call_activity("note", {"a": 1})
        yield context.call_activity("note", result["a"])

    @app.orchestration_trigger(context_name="context")
    def passes_task(context):
        yield context.call_activity("note", context.call_activity("note", 1))

    @app.orchestration_trigger(context_name="context")
    def passes_model(context):
        yield context.call_activity("note", Word(text="a", count=1))

    @app.orchestration_trigger(context_name="context")
    def passes_dataclass(context):
        yield context.call_activity("note", Point(1))

    @app.orchestration_trigger(context_name="context")
    def returns_model(context):
        yield context.call_activity("note", 1)
        return Word(text="a", count=1)

    @app.orchestration_trigger(context_name="context")
    def returns_set(context):
        yield context.call_activity("note", 1)
        return {1}
"""
RUN = "r-1"
OpenHost = Callable[..., "Host"]


@pytest.fixture
def untouched_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's JSON as it comes: an app that another test has made in this process may have one of its own."""
    spec = find_spec("azure.functions._durable_functions")
    assert spec is not None and spec.loader is not None
    fresh = module_from_spec(spec)
    spec.loader.exec_module(fresh)
    for name in ("_serialize_custom_object", "_deserialize_custom_object"):
        monkeypatch.setattr(_durable_functions, name, getattr(fresh, name))


@pytest.fixture
def console(caplog: pytest.LogCaptureFixture) -> Iterator[io.StringIO]:
    """What the host writes to the terminal."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ConsoleFormatter())
    handler.addFilter(is_wanted)
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.WARNING, "azure.functions")
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


class Host:
    """An engine on the app above, with a task hub in memory."""

    def __init__(self, loaded: App, mode: Mode, console: io.StringIO) -> None:
        self._loaded = loaded
        self._console = console
        self._mode = mode
        self._hub = TaskHub(None)
        self.engine = self._begun()

    async def restart(self) -> None:
        """Go on with another engine on the same task hub."""
        await self.engine.stop(grace_seconds=1)
        self.engine = self._begun()

    async def start(self, orchestration: str, value: Any = None) -> None:
        """Start a run."""
        await self.engine.client.start(orchestration, RUN, json.dumps(json.dumps(value)))

    async def run(self, orchestration: str, value: Any = None) -> None:
        """Run an orchestration until its end is logged."""
        await self.start(orchestration, value)
        await self.end()

    async def end(self) -> None:
        """Wait until the end of the run is logged."""
        while not re.search(f" {RUN}: '.*' (?:completed|ended)", self._console.getvalue()):
            await asyncio.sleep(0.01)

    def _begun(self) -> Engine:
        settings = load_host_settings(SMALL_APP, {})
        functions = FunctionTable(self._loaded.functions.values())
        engine = Engine(self._hub, self._loaded.worker, functions, SystemClock(), settings, self._mode)
        engine.start()
        return engine


@pytest.fixture
async def open_host(index_app: IndexApp, console: io.StringIO) -> AsyncIterator[OpenHost]:
    """Open a host in a mode."""
    opened: list[Host] = []

    def open_one(mode: Mode = Mode.LIVE) -> Host:
        opened.append(Host(app(index_app, APP), mode, console))
        console.truncate(console.seek(0))  # of what the library says while it loads the app
        return opened[-1]

    yield open_one
    for one in opened:
        await one.engine.stop(grace_seconds=1)


def records(console: io.StringIO) -> list[str]:
    """Return what was logged, a text for each record, without time and place."""
    text = re.sub(r'File ".*/function_app.py", line \d+', "File", console.getvalue())
    return re.split(r"^\d\d:\d\d:\d\d ", text, flags=re.MULTILINE)[1:]


async def until(console: io.StringIO, text: str) -> None:
    """Wait until something is logged."""
    while text not in console.getvalue():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("mode", Mode)
async def test_what_the_app_logs_has_the_instance_id_and_is_there_once(
    open_host: OpenHost, console: io.StringIO, mode: Mode
) -> None:
    host = open_host(mode)
    await host.start("story")
    await until(console, "goes on")
    await host.restart()
    await host.engine.client.raise_event(RUN, "go", "1")
    await host.end()
    assert "".join(records(console)).splitlines() == [
        "INFO r-1: begins",
        "INFO r-1: noted 1",
        "INFO r-1: goes on",
        "INFO r-1: has waited",
        "INFO r-1: noted 2",
        "INFO r-1: ends",
        "INFO r-1: 'story' completed.",
    ]


@pytest.mark.parametrize("mode", Mode)
async def test_each_generation_logs_for_itself(open_host: OpenHost, console: io.StringIO, mode: Mode) -> None:
    await open_host(mode).run("generations", 1)
    lines = [f"INFO r-1: {what} {number}\n" for number in (1, 2, 3) for what in ("generation", "noted")]
    assert records(console) == [*lines, "INFO r-1: 'generations' completed.\n"]


@pytest.mark.parametrize("mode", Mode)
async def test_an_orchestrator_that_is_no_generator_logs_once(
    open_host: OpenHost, console: io.StringIO, mode: Mode
) -> None:
    await open_host(mode).run("without_steps")
    assert records(console) == ["INFO r-1: is no generator\n", "INFO r-1: 'without_steps' completed.\n"]


@pytest.mark.parametrize("mode", Mode)
async def test_a_failing_activity_is_told_once_with_the_frames_of_its_author(
    open_host: OpenHost, console: io.StringIO, mode: Mode
) -> None:
    await open_host(mode).run("call", "explode")
    activity, run = records(console)
    lines = [line.strip() for line in activity.splitlines() if "~" not in line and "^" not in line]
    assert lines == [
        "ERROR r-1: activity 'explode' failed: KeyError: 'x'",
        "Traceback (most recent call last):",
        "File, in explode",
        "return look_up({}, value)",
        "File, in look_up",
        "return table[key]",
        "KeyError: 'x'",
    ]
    assert run.startswith("ERROR r-1: 'call' ended: Exception: Activity function 'explode' failed: KeyError: 'x'\n")
    assert run.count("KeyError") == 2
    assert run.count("File, in call") == 1


@pytest.mark.parametrize("mode", Mode)
async def test_a_failing_orchestration_is_told_once_with_what_it_raised(
    open_host: OpenHost, console: io.StringIO, mode: Mode
) -> None:
    await open_host(mode).run("fails_itself")
    (failure,) = records(console)[1:]
    assert failure.startswith("ERROR r-1: 'fails_itself' ended: RuntimeError: no such thing\n")
    assert re.findall("File, in (.*)", failure) == ["fails_itself", "look_up", "fails_itself"]
    assert "    KeyError: 'nope'\n" in failure
    assert failure.endswith("    RuntimeError: no such thing\n")


async def test_every_field_of_a_validation_error_is_told_once(open_host: OpenHost, console: io.StringIO) -> None:
    await open_host().run("call", "parse")
    assert len(re.findall(r"^    text\n      Field required", console.getvalue(), re.MULTILINE)) == 1
    assert len(re.findall(r"^    count\n      Input should be a valid integer", console.getvalue(), re.MULTILINE)) == 1


async def test_an_operation_that_fails_is_named_whether_called_or_signalled(
    open_host: OpenHost, console: io.StringIO
) -> None:
    await open_host().run("breaks_counter")
    operation, end = records(console)
    assert operation.startswith("ERROR @counter@a: operation 'break' failed: ValueError: no good\n")
    assert re.findall("File, in (.*)", operation) == ["Counter"]
    assert operation.endswith("ValueError: no good\n    at all\n")
    assert end == "INFO r-1: 'breaks_counter' completed.\n"


@pytest.mark.parametrize("mode", [Mode.LIVE, Mode.REPLAY])
@pytest.mark.parametrize(
    ("name", "place", "advice"),
    [
        ("yields_generator", "yield last_step(context)", "write `yield from` in the place of `yield`"),
        ("yields_nothing_known", 'yield {"not": "a task"}', "yields a dict: only what a call of the context returns"),
        ("takes_task_for_result", 'result["a"]', "write `yield` in front of the call"),
        ("passes_task", "yield context.call_activity", "write `yield` in front of the call"),
        ("passes_model", "yield context.call_activity", "no Word. Dump a pydantic model with `.model_dump(mode="),
        ("passes_dataclass", "yield context.call_activity", "a dataclass with `dataclasses.asdict()`"),
        ("returns_model", "", "no Word. Dump a pydantic model with `.model_dump(mode="),
        ("returns_set", "", "no set. Dump"),
    ],
)
@pytest.mark.usefixtures("untouched_sdk")
async def test_a_mistake_that_the_sdk_says_badly_has_a_hint(
    open_host: OpenHost, console: io.StringIO, name: str, place: str, advice: str, mode: Mode
) -> None:
    await open_host(mode).run(name)
    failure = records(console)[-1]
    assert failure.startswith(f"ERROR r-1: '{name}' ended: ")
    assert place in failure
    hint = failure.splitlines()[-1]
    assert hint.startswith("    Hint: ")
    assert advice in hint


@pytest.mark.usefixtures("untouched_sdk")
async def test_an_activity_that_returns_what_is_no_json_has_the_hint_too(
    open_host: OpenHost, console: io.StringIO
) -> None:
    await open_host().run("call", "give_set")
    assert "no set. Dump a pydantic model" in records(console)[0]


@pytest.mark.parametrize("mode", [Mode.VERIFY, Mode.REPLAY])
async def test_a_turn_that_takes_long_is_told_once(open_host: OpenHost, console: io.StringIO, mode: Mode) -> None:
    await open_host(mode).run("sleeps")
    warnings = [record for record in records(console) if record.startswith("WARNING")]
    assert len(warnings) == 1
    assert re.match(r"WARNING r-1: a turn of 'sleeps' took \d+\.\d s\. .* use an activity\.$", warnings[0])


async def test_a_payload_that_azure_does_not_take_is_told(open_host: OpenHost, console: io.StringIO) -> None:
    await open_host().run("call", "give_much")
    warning, end = records(console)
    assert warning.startswith("WARNING r-1: the result of activity 'give_much' is 1.0 MB. The Durable Task Scheduler")
    assert end == "INFO r-1: 'call' completed.\n"


def record_of(name: str, text: str) -> logging.LogRecord:
    return logging.LogRecord(name, logging.INFO, __file__, 1, text, None, None)


@pytest.fixture
def about_a_run() -> Iterator[None]:
    """Code that runs for an instance."""
    token = about.set(RUN)
    yield
    about.reset(token)


def test_what_is_logged_for_no_run_stays_as_it_is() -> None:
    assert ConsoleFormatter().format(record_of("shop", "100%"))[9:] == "INFO 100%"
    assert ConsoleFormatter(is_verbose=True).format(record_of("shop", "100%"))[9:] == "INFO shop: 100%"


@pytest.mark.usefixtures("about_a_run")
def test_lines_of_the_host_itself_are_never_changed_nor_dropped() -> None:
    with silenced():
        assert [is_wanted(record_of(name, "text")) for name in ("devhost.worker", "shop")] == [True, False]
    assert ConsoleFormatter().format(record_of("devhost.worker", "100%"))[9:] == "INFO 100%"
    assert ConsoleFormatter().format(record_of("shop", "100%"))[9:] == "INFO r-1: 100%"


def test_a_verbose_log_has_the_frames_of_libraries_too() -> None:
    try:
        json.loads("{")
    except ValueError as ex:
        error = ex
    record = record_of("devhost.activities", "failed")
    vars(record).update(of_the_app(error)["extra"], exc_info=(type(error), error, None))
    assert ", in raw_decode" not in ConsoleFormatter().format(record)
    assert ", in raw_decode" in ConsoleFormatter(is_verbose=True).format(record)


def test_each_of_a_group_of_exceptions_is_shown() -> None:
    async def fail(text: str) -> None:
        raise ValueError(text)

    async def fail_together() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail("one"))
            group.create_task(fail("two"))

    with pytest.raises(ExceptionGroup) as failed:
        asyncio.run(fail_together())
    shown = trace(failed.value)
    assert [text in shown for text in ("  ValueError: one", "  ValueError: two", ", in fail_together")] == [True] * 3
    assert "taskgroups.py" not in shown


def test_an_exception_whose_text_cannot_be_had_is_shown() -> None:
    class UnprintableError(Exception):
        def __str__(self) -> str:
            raise ValueError

    try:
        raise UnprintableError
    except UnprintableError as ex:
        assert "UnprintableError: <exception str() failed>" in trace(ex)


def test_of_a_long_chain_of_causes_the_last_are_shown() -> None:
    error: Exception = ValueError("the first")
    for number in range(5_000):
        following = ValueError(f"number {number}")
        following.__cause__, error = error, following
    shown = re.findall("ValueError: (.*)", trace(error))
    assert shown == [f"number {number}" for number in range(4_980, 5_000)]
