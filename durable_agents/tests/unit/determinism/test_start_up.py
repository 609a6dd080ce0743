"""An app with an orchestration that is not deterministic does not start, and says why."""

import functools
import importlib
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from agent_framework import AgentResponse, Message
from pydantic import BaseModel

from durable_agents import AgentFunctionApp, HostingSettings, Orchestration, OrchestrationContext, Steps
from durable_agents.determinism.durable_calls import Registered
from durable_agents.determinism.findings import DeterminismError
from durable_agents.determinism.start_up import check_functions
from durable_agents.testing import replay
from durable_agents.tests.unit.determinism.project import found_in, raw, typed


class Topic(BaseModel):
    topic: str


def asks_nobody(context: OrchestrationContext, request: Topic) -> Steps[str]:
    answer = yield from context.ask("Nobody", request.topic)
    return answer


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return `load(source)`, which imports that as a module of an app."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def load(source: str, name: str) -> Any:
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        importlib.invalidate_caches()
        monkeypatch.delitem(sys.modules, name, raising=False)
        module = importlib.import_module(name)
        monkeypatch.delitem(sys.modules, name)
        return module

    return load


def functions_of(app: Any) -> Any:
    return app.get_functions()


def test_all_that_is_wrong_is_in_one_message(load: Callable[..., Any]) -> None:
    module = load(typed("at = time.time()\nkey = uuid4()", "import time\nfrom uuid import uuid4"), "wrong_story")
    app = AgentFunctionApp(settings=HostingSettings.from_environ({}), orchestrations=[module.story, asks_nobody])
    with pytest.raises(DeterminismError) as failure:
        functions_of(app)
    assert sorted(one.code for one in failure.value.findings) == ["clock", "unknown-agent", "unknown-agent", "uuid"]
    message = str(failure.value)
    assert message.startswith("The app does not start, for its orchestrations may do something else")
    for line, fix in ((11, "Take `context.now`."), (12, "Take `context.new_id()`.")):
        assert f"wrong_story.py:{line}: " in message and fix in message
    assert "test_start_up.py:" in message and "no agent 'Nobody'" in message
    assert "# deterministic: the reason" in message


def test_names_are_those_that_the_app_has_when_it_starts(load: Callable[..., Any]) -> None:
    source = raw('yield context.call_activity("print", 1)\nyield context.call_sub_orchestrator("shown", 1)')
    module = load(f"{source}\nstory_name = 'shown'\n", "half_story")
    with pytest.raises(DeterminismError, match="no activity 'print'"):
        functions_of(module.app)
    whole = f"""{source}
for kind in ("print",):
    app.activity_trigger(input_name="n", activity=kind)(lambda n: n)
app.function_name("other")(app.orchestration_trigger(context_name="context", orchestration="shown")(lambda context: 1))
"""
    assert functions_of(
        load(
            whole.replace("lambda n: n", "publish_it").replace(
                "for kind", "def publish_it(n: int) -> int:\n    return n\nfor kind"
            ),
            "whole_story",
        ).app
    )


def test_names_that_the_deployment_fixes_are_known(load: Callable[..., Any]) -> None:
    asking = typed("yield from context.ask(request.moment, 'Well?')", "class Person(BaseModel):\n    name: str")
    function = load(asking, "fixed_story").story
    agents = Registered(agents=frozenset({"writer", "editor"}))
    check_functions([(function, {"moment": "Editor"})], agents)
    with pytest.raises(DeterminismError, match="no agent 'Nobody'"):
        check_functions([(function, {"moment": "Nobody"})], agents)
    with pytest.raises(DeterminismError, match="undeclared-name"):
        check_functions([(function, {})], agents)


def test_one_without_sources_is_not_looked_at() -> None:
    namespace: dict[str, Any] = {"__name__": "typed_in"}
    exec(compile(typed("at = time.time()", "import time"), "<stdin>", "exec"), namespace)
    check_functions(
        [(one, {}) for one in (namespace["story"], functools.partial(namespace["story"]), print)], Registered()
    )


def test_one_whose_file_has_changed_is_not_looked_at(tmp_path: Path, load: Callable[..., Any]) -> None:
    module = load(typed("at = time.time()", "import time"), "moved_story")
    with pytest.raises(DeterminismError):
        check_functions([(module.story, {})], Registered())
    (tmp_path / "moved_story.py").write_text("nothing = 1\n", encoding="utf-8")
    check_functions([(module.story, {})], Registered())


def test_a_partial_and_a_nested_orchestration_are_found(load: Callable[..., Any]) -> None:
    module = load(
        """
        import time
        def create(clock=None):
            def inner(context):
                yield time.time()
            return inner
        """,
        "made_story",
    )
    with pytest.raises(DeterminismError, match=r"made_story\.py:5: clock"):
        check_functions([(functools.partial(module.create(), get_agent=None), {})], Registered())


def test_replay_does_not_check_for_the_app_does(load: Callable[..., Any]) -> None:
    run = replay(Orchestration(asks_nobody), {"topic": "tea"})
    run.answer("Nobody", AgentResponse(messages=[Message("assistant", ["A warm drink."])]))
    assert run.output == "A warm drink."


def test_a_file_that_cannot_be_parsed_is_left_to_others(tmp_path: Path) -> None:
    assert found_in(tmp_path, "def story(:\n") == []


def test_what_is_nested_too_deep_is_no_error(tmp_path: Path) -> None:
    deep = "+".join(["1"] * 3_000)
    assert found_in(tmp_path, typed(f"n = {deep}")) == []
