"""Each pattern with a model over the wire: it asks what its row says and nothing else, also after a wrong answer."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from devhost.testing.plugin import NewHost
from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, ChatRequest, Failure
from durable_agents.tests.template.pattern_runs import PatternRuns, check_completed
from durable_agents.tests.template.patterns import PATTERNS, Pattern


@pytest.fixture(scope="module")
def model() -> Iterator[ChatCompletionsServer]:
    """The model of the host: it answers as the row of the test says."""
    with ChatCompletionsServer() as server:
        yield server


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, new_host: NewHost, app_root: Path, model: ChatCompletionsServer
) -> Iterator[PatternRuns]:
    """The app on one host for all patterns."""
    with new_host(tmp_path_factory.mktemp("wire"), app_root=app_root, **model.settings) as host:
        yield PatternRuns(host.url, host.outbox)


@pytest.fixture(params=PATTERNS, ids=str)
def pattern(request: pytest.FixtureRequest, runs: PatternRuns, model: ChatCompletionsServer) -> Pattern:
    """A pattern that the app has; the model knows its answers."""
    chosen: Pattern = request.param
    runs.skip_without(chosen)
    runs.publish(chosen)
    model.requests.clear()
    model.forget()
    model.answer_by(chosen.answer)
    return chosen


@pytest.mark.sample
def test_it_asks_the_model_as_often_as_it_says(
    pattern: Pattern, runs: PatternRuns, model: ChatCompletionsServer
) -> None:
    check_completed(runs.finish(pattern, "right"), pattern.output)
    assert len(model.requests) == pattern.model_calls


def test_a_provider_that_is_away_for_a_moment_is_asked_again(
    pattern: Pattern, runs: PatternRuns, model: ChatCompletionsServer
) -> None:
    model.script(Failure(503, "Come back later.", retry_after=0.01))
    check_completed(runs.finish(pattern, "away"), pattern.output)
    assert len(model.requests) == pattern.model_calls + 1


def test_an_answer_that_is_cut_off_is_never_taken_for_one(
    pattern: Pattern, runs: PatternRuns, model: ChatCompletionsServer
) -> None:
    if pattern.cut_off is None:
        pytest.skip("it is asked again, after longer than a test may take")
    model.answer_by(lambda request: cut_off(pattern, request) if len(model.requests) == 0 else pattern.answer(request))
    run = runs.finish(pattern, "cut-off")
    if isinstance(pattern.cut_off, str):
        assert run["runtime_status"] == "Failed"
        assert pattern.cut_off in run["error"]
        assert len(model.requests) == 1
    else:
        check_completed(run, pattern.cut_off)


def cut_off(pattern: Pattern, request: ChatRequest) -> Answer:
    """Return the answer to a request, ended by the limit of the provider in the middle."""
    whole = pattern.answer(request)
    assert isinstance(whole, Answer)
    return replace(whole, text=whole.text[: len(whole.text) // 2], finish_reason="length")
