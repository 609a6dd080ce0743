"""What orchestrators answer: kept alive between turns, by a replay, or both, one held to the other."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace

from devhost.engine.execution import Execution
from devhost.engine.turn import Turn
from devhost.functions import Function, FunctionTable, TriggerType
from devhost.hub.rows import Instance
from devhost.protocol.answer import Answer, ProtocolError, parse_answer, parse_failure
from devhost.sdk_frames import is_replaying
from devhost.sessions import Mode, Session
from devhost.user_log import silenced
from devhost.worker import FunctionFailedError, Worker

logger = logging.getLogger("devhost.orchestrations")

# So many runs of each orchestration are verified in `Mode.LIVE`: enough to hear of one that Azure would fail.
_VERIFIED_RUNS = 10
# Up to so many events every turn of these is replayed, later at each growth by a quarter: a long run stays linear.
_ALWAYS_REPLAYED = 100
_GROWTH = 1.25
_STATUS_ONCE = (
    "%s: '%s' does not set its custom status again when it is replayed: the status is gone after the next turn, as on "
    "Azure. From now on it is always replayed."
)
_LONG_SECONDS = 1.0
_SLOW = (
    "%s: a turn of '%s' took %.1f s. An orchestrator must not wait, nor call anything but its context, for each replay "
    "does so again: use an activity."
)


@dataclass(slots=True)
class Live:
    """An execution in memory, and its live orchestrator, if one is kept. One turn at a time uses it.

    `is_verified` says that its turns are replayed too, `next_replay` at how many events that is to be done again.
    """

    execution: Execution
    is_verified: bool
    session: Session | None = None
    next_replay: float = 0


class Answers:
    """Asks the orchestrators of an app in a mode."""

    def __init__(self, worker: Worker, functions: FunctionTable, mode: Mode) -> None:
        self._worker = worker
        self._functions = functions
        self._mode = mode
        self._first_runs: dict[str, set[str]] = {}
        self._never_live: set[str] = set()
        self._slow: set[str] = set()

    def are_verified(self, instance: Instance, *, begins: bool) -> bool:
        """Whether a run is replayed too: if that was asked for, or if it is one of its orchestration's first runs.

        A run counts once, when it begins, however often it is read from the task hub.
        """
        if self._mode is not Mode.LIVE:
            return self._mode is Mode.VERIFY
        first = self._first_runs.setdefault(instance.name.casefold(), set())
        if begins and len(first) < _VERIFIED_RUNS:
            first.add(instance.instance_id)
        return instance.instance_id in first

    def of(self, turn: Turn, live: Live) -> tuple[Answer, Answer | None] | None:
        """Ask the orchestrator on this thread; return its answer, and a replay's if that is to be held to it.

        None says that the app has no such orchestrator.

        Raises:
            ProtocolError: The answer is none that this host understands.
        """
        function = self._functions.find(TriggerType.ORCHESTRATION, live.execution.instance.name)
        if function is None:
            return None
        is_live = self._mode is not Mode.REPLAY and function.name not in self._never_live
        began = time.monotonic()
        with silenced(is_replaying):
            answer = self._go_on(function, turn, live) if is_live else self._replay(function, turn)
        self._look_at_time(function, live, time.monotonic() - began)
        if not is_live or not self._is_to_be_replayed(live, answer):
            return answer, None
        with silenced():
            replayed = self._replay(function, turn)
        if answer.custom_status != replayed.custom_status:
            logger.warning(_STATUS_ONCE, live.execution.instance.instance_id, function.name)
            self._never_live.add(function.name)
            live.session = None
        return replace(answer, custom_status=replayed.custom_status), replayed

    def _look_at_time(self, function: Function, live: Live, seconds: float) -> None:
        if seconds > _LONG_SECONDS and function.name not in self._slow:
            self._slow.add(function.name)
            logger.warning(_SLOW, live.execution.instance.instance_id, function.name, seconds)

    def _is_to_be_replayed(self, live: Live, answer: Answer) -> bool:
        events = len(live.execution.rows)
        if not live.is_verified:
            return False
        if self._mode is Mode.VERIFY or answer.is_done or events >= live.next_replay:
            live.next_replay = 0 if events < _ALWAYS_REPLAYED else events * _GROWTH
            return True
        return False

    def _go_on(self, function: Function, turn: Turn, live: Live) -> Answer:
        try:
            if live.session is not None:
                return self._worker.go_on(function, live.session, live.execution.new_events)
            live.session, answer = self._worker.begin(function, turn.request())
        except FunctionFailedError as ex:
            return parse_failure(ex.text, raised=ex.__cause__)
        return answer

    def _replay(self, function: Function, turn: Turn) -> Answer:
        try:
            text = self._worker.call(function, turn.request())
        except FunctionFailedError as ex:
            return parse_failure(ex.text, raised=ex.__cause__)
        if text is None:
            raise ProtocolError("The orchestrator gave no answer.")
        return parse_answer(text)
