"""What an operator sees of turns: a span for each part of a turn that was worked on, and counters.

Nothing of a conversation is in them, and no id of a session but its hash. Without an SDK of OpenTelemetry nothing is
recorded. A turn runs in an entity, which is never replayed: a turn that a crash repeats has one more span, since it has
run once more.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from agent_framework import AgentResponse
from agent_framework_durabletask import RunRequest
from opentelemetry import metrics, trace

from durable_agents.sessions.budget import Spent
from durable_agents.sessions.conversation import MODEL_CALLS, find_failure
from durable_agents.sessions.failures import MODEL_CALL_FAILED, Failure

_SCOPE = "durable_agents"
_UNKNOWN = "unknown"
_ERROR_TYPE = "error.type"
# Azure Monitor's exporter leaves `error.type` out of spans and their events, not out of metrics.
_ERROR_CODE = "durable_agents.error_code"
_tracer = trace.get_tracer(_SCOPE)
_meter = metrics.get_meter(_SCOPE)
_turns = _meter.create_counter("durable_agents.turns", "{turn}", "Turns that ended, by agent, outcome and error code.")
_tokens = _meter.create_counter("durable_agents.tokens", "{token}", "Tokens by agent, model and direction.")
_failed_attempts = _meter.create_counter(
    "durable_agents.failed_attempts", "{attempt}", "Attempts to get an answer that failed, by agent and error code."
)


def hash_session(agent: str, session_id: str) -> str:
    """Return what stands for a session in telemetry: 16 hex digits, the same for each turn of it."""
    return hashlib.sha256(f"{agent}/{session_id}".encode()).hexdigest()[:16]


class TurnSpan:
    """The span of one part of a turn, and what is counted of it."""

    def __init__(self, span: trace.Span, agent: str) -> None:
        self._span = span
        self._agent = agent
        self._attempts = 0
        self._model = _UNKNOWN

    def begin_attempt(self) -> None:
        """Count an attempt to get an answer."""
        self._attempts += 1

    def fail_attempt(self, failure: Failure) -> None:
        """Count that the attempt has failed, whether another follows or not."""
        _failed_attempts.add(1, {"agent": self._agent, _ERROR_TYPE: failure.code})
        self._span.add_event("attempt failed", {"attempt": self._attempts, _ERROR_CODE: failure.code})

    def call_model(self, model: str) -> None:
        """Note which model is called."""
        self._model = model
        self._span.set_attribute("gen_ai.request.model", model)

    def use(self, before: Spent, after: Spent) -> None:
        """Say what this part of the turn has used: what was spent after it, less what was before."""
        used = {name: count - before.usage.get(name, 0) for name, count in after.usage.items()}
        for direction in ("input", "output"):
            count = used.get(f"{direction}_token_count", 0)
            self._span.set_attribute(f"durable_agents.{direction}_tokens", count)
            _tokens.add(count, {"agent": self._agent, "model": self._model, "direction": direction})
        self._span.set_attribute("durable_agents.model_calls", used.get(MODEL_CALLS, 0))
        self._span.set_attribute("durable_agents.tool_calls", after.tool_calls - before.tool_calls)

    def end(self, response: AgentResponse, *, waits: bool) -> None:
        """Say how the part has ended: it `waits` for a human, or else the turn is over, answered or failed."""
        content = find_failure(response)
        code = None if content is None else content.error_code or MODEL_CALL_FAILED
        outcome = "waiting" if waits else "answered" if code is None else "failed"
        self._span.set_attribute("durable_agents.outcome", outcome)
        self._span.set_attribute("durable_agents.attempts", self._attempts)
        if waits:
            return
        error = {} if code is None else {_ERROR_TYPE: code}
        if code is not None:
            self._fail(code)
        _turns.add(1, {"agent": self._agent, "outcome": outcome, **error})

    def lose(self, error: BaseException) -> None:
        """Say that nothing came of the turn, not even a failure that its session keeps."""
        self._fail(type(error).__name__)
        self._span.set_attribute("durable_agents.outcome", "lost")

    def _fail(self, code: str) -> None:
        self._span.set_attributes({_ERROR_TYPE: code, _ERROR_CODE: code})
        self._span.set_status(trace.StatusCode.ERROR, code)


@contextmanager
def turn_span(agent: str, session_id: str, request: RunRequest, part: int = 1) -> Iterator[TurnSpan]:
    """Have a span around the work on a part of a turn; what happens in it is below it, as calls of the model are."""
    attributes: dict[str, str | int] = {
        "gen_ai.agent.name": agent,
        "durable_agents.session": hash_session(agent, session_id),
        "durable_agents.correlation_id": request.correlation_id,
        "durable_agents.part": part,
    }
    if request.orchestration_id is not None:
        attributes["durable_agents.instance_id"] = request.orchestration_id
    with _tracer.start_as_current_span(
        f"turn {agent}", attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        turn = TurnSpan(span, agent)
        try:
            yield turn
        except BaseException as error:
            turn.lose(error)
            raise
