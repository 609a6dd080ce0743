"""The host is killed before and after commits of a run of each pattern, and nothing that was finished is done again.

At each kill the test looks at what the dead host has left. A question whose answer is in the task hub is not asked any
more, an activity whose result is there does not begin again, and no host does either twice. So each question is asked
once, and once more for every host that died before it had committed the answer.
"""

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pytest

from devhost.testing.host_process import REPOSITORY
from devhost.testing.kills.kill_plan import Kill, Point, When
from devhost.testing.kills.supervised_host import SupervisedHost
from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, ChatRequest, Step
from durable_agents.tests.template.pattern_runs import PatternRuns, check_completed, files_below
from durable_agents.tests.template.patterns import PATTERNS, Pattern

# Children and parallel activities, approvals, a loop that begins anew. The others are killed where time is no matter.
_ALWAYS = {"deep_research", "content_approval", "agent_loop"}
_PATTERNS = [pytest.param(one, marks=[] if one.name in _ALWAYS else pytest.mark.thorough) for one in PATTERNS]
_FEWEST_KILLS = 6
_SECONDS = 60
_BEGINS = re.compile(r" (\S+): activity '(\w+)' begins, task (\d+)\.")
_TABLES = {"entities": "state", "history": "event", "messages": "body", "activities": "input"}

# The run, the name and the number of an activity.
ActivityKey: TypeAlias = tuple[str, str, int]

pytestmark = [
    pytest.mark.kills,
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL"),
]


class Witness:
    """Sees what hosts ask the model and which activities they begin, and what came of it in their task hub."""

    def __init__(self, host: SupervisedHost, model: ChatCompletionsServer) -> None:
        self._host = host
        self._model = model
        self._questions_seen = len(model.requests)
        self._lines_seen = len(_BEGINS.findall(host.log()))
        self.answers: dict[str, str] = {}

    def note(self, request: ChatRequest, step: Step) -> Step:
        """Remember a text by which the answer to a question is found in the task hub."""
        assert isinstance(step, Answer)
        spoken = [step.text, *(call.sent_arguments for call in step.tool_calls)]
        text = max((text for whole in spoken for text in _texts_in(whole)), key=len)
        is_found = re.fullmatch(r"[\w .,:;?!-]{5,}", text) and text not in str(request.body)
        assert is_found, f"no text that can be looked for in the task hub: {text!r}"
        self.answers[_question_of(request)] = text
        return step

    def new_questions(self) -> list[str]:
        """Return what the model was asked since the last look; of a killed host, all that it had asked."""
        while self._host.is_dead and self._model.connections:
            time.sleep(0.001)
        new = self._model.requests[self._questions_seen :]
        self._questions_seen += len(new)
        return [_question_of(request) for request in new]

    def new_activities(self) -> list[ActivityKey]:
        """Return which activities have begun since the last look."""
        new = _BEGINS.findall(self._host.log())[self._lines_seen :]
        self._lines_seen += len(new)
        return [(run_id, name, int(number)) for run_id, name, number in new]

    def answers_in_the_hub(self) -> Counter[str]:
        """Return of each question how often its answer is in the task hub."""
        rows = [row for table, column in _TABLES.items() for row in self._host.rows(f"SELECT {column} FROM {table}")]
        whole = "\n".join(text for (text,) in rows if text)
        return Counter({question: whole.count(answer) for question, answer in self.answers.items()})

    def activities_in_the_hub(self) -> set[ActivityKey]:
        """Return the activities that have no result yet."""
        return set(self._host.rows("SELECT instance_id, name, task_id FROM activities"))


@dataclass
class Lives:
    """What hosts do one after the other, each in one life, for one run; `lost` are the questions that died with one."""

    witness: Witness
    before: Counter[str]
    asked: set[str] = field(default_factory=set)
    begun: set[ActivityKey] = field(default_factory=set)
    asked_in_all: int = 0
    lost: int = 0
    _answered: set[str] = field(default_factory=set)
    _ended: set[ActivityKey] = field(default_factory=set)

    def end(self) -> None:
        """Check what the host of a life has done: none of it twice, and nothing that one before it had finished."""
        asked, begun = self.witness.new_questions(), self.witness.new_activities()
        assert len(asked) == len(set(asked)), f"one host asks twice: {asked}"
        assert len(begun) == len(set(begun)), f"one host begins an activity twice: {begun}"
        assert self._answered.isdisjoint(asked), f"asked again, and had been answered: {self._answered & set(asked)}"
        assert self._ended.isdisjoint(begun), f"begun again, and had ended: {self._ended & set(begun)}"
        self.asked |= set(asked)
        self.asked_in_all += len(asked)
        self.begun |= set(begun)
        found = self.witness.answers_in_the_hub()
        self._answered = {question for question in self.asked if found[question] > self.before[question]}
        self._ended = self.begun - self.witness.activities_in_the_hub()
        self.lost += len(set(asked) - self._answered)


@pytest.fixture(scope="module")
def model() -> Iterator[ChatCompletionsServer]:
    """The model of the host: it answers as the row of the test says."""
    with ChatCompletionsServer() as server:
        yield server


@pytest.fixture(scope="module")
def only_host(tmp_path_factory: pytest.TempPathFactory, model: ChatCompletionsServer) -> Iterator[SupervisedHost]:
    """The app on a host that is started again after each kill."""
    folder = tmp_path_factory.mktemp("killed")
    environment = {"OUTBOX_DIR": str(folder / "outbox"), "STATE_DIR": str(folder / "state"), **model.settings}
    flags = ("--import", "durable_agents", "--import", "durable_agents.tests.template.preloaded")
    host = SupervisedHost(folder, REPOSITORY, flags, environment=environment)
    host.read("/instances")
    yield host
    host.close()


@pytest.fixture
def host(only_host: SupervisedHost) -> Iterator[SupervisedHost]:
    """That host, which lives again after the test."""
    yield only_host
    only_host.plan.arm([])
    only_host.go_on()


@pytest.mark.parametrize("pattern", _PATTERNS, ids=str)
def test_nothing_that_was_finished_is_done_again(
    pattern: Pattern, host: SupervisedHost, model: ChatCompletionsServer
) -> None:
    outbox = host.database.with_name("outbox")
    runs, witness = PatternRuns(host.url, outbox), Witness(host, model)
    runs.skip_without(pattern)
    runs.publish(pattern)
    model.answer_by(lambda request: witness.note(request, pattern.answer(request)))

    written = len(files_below(outbox))
    check_completed(runs.finish(pattern, "undisturbed"), pattern.output)
    effects = len(files_below(outbox)) - written
    questions = witness.new_questions()
    assert len(questions) == pattern.model_calls
    assert len(set(questions)) == len(set(witness.answers.values())) == pattern.model_calls, "they cannot be told apart"
    assert Counter(name for _, name, _ in witness.new_activities()) == Counter(pattern.activities)

    lives = Lives(witness, witness.answers_in_the_hub())
    kills = kills_for(pattern)
    host.plan.arm(kills)
    run = live_and_die(pattern, runs, host, lives)
    assert len(kills) - len(host.plan.left()) >= _FEWEST_KILLS
    check_completed(run, pattern.output)
    assert lives.asked == set(questions)
    assert lives.asked_in_all == pattern.model_calls + lives.lost
    assert Counter(name for _, name, _ in lives.begun) == Counter(pattern.activities)
    assert len(files_below(outbox)) == written + 2 * effects
    assert lives.lost > 0, "no host died with an answer in its hand"


def kills_for(pattern: Pattern) -> list[Kill]:
    """Return kills before and after the commit of a result, early, in the middle and late, and of what comes next."""
    later = max(1, (pattern.model_calls + sum(pattern.activities.values())) // 2 - 1)
    result, later_result = (Kill(When.BEFORE, Point.RESULT, nth) for nth in (1, later))
    after_result = Kill(When.AFTER, Point.RESULT)
    anything = [Kill(when, Point.COMMIT) for when in (When.BEFORE, When.AFTER)]
    return [*anything, result, after_result, *anything, later_result, after_result, *anything, result, after_result]


def live_and_die(pattern: Pattern, runs: PatternRuns, host: SupervisedHost, lives: Lives) -> dict[str, Any]:
    """Start a run, and return it when it is over; at each kill, look at what there is before the next host starts."""
    run_id, run = None, None
    host.stay_dead()
    deadline = time.monotonic() + _SECONDS
    while run is None:
        assert time.monotonic() < deadline, f"not over: {run_id}\n{host.log()[-4000:]}"
        if run_id is None:
            run_id = runs.start(pattern, "killed")
        else:
            run = runs.tell(pattern, run_id)
        if host.is_dead:
            lives.end()
            host.go_on()
            host.stay_dead()
        time.sleep(0.01)
    lives.end()
    return run


def _question_of(request: ChatRequest) -> str:
    return json.dumps({name: value for name, value in request.body.items() if "stream" not in name}, sort_keys=True)


def _texts_in(text: str) -> Iterator[str]:
    """Yield the texts in a JSON document, or the text that is none."""
    try:
        parts = [json.loads(text)]
    except ValueError:
        parts = [text]
    while parts:
        part = parts.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict | list):
            parts += part.values() if isinstance(part, dict) else part
