"""What orchestrators answer: kept alive between turns, by a replay, or both, one held to the other."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace

from devhost.engine.execution import Execution
from devhost.engine.turn import Turn
from devhost.functions import Function, FunctionTable, TriggerType
from devhost.protocol.answer import Answer, ProtocolError, parse_answer, parse_failure
from devhost.sessions import Mode
from devhost.worker import FunctionFailedError, Worker

logger = logging.getLogger("devhost.orchestrations")

# So many runs of each orchestration are verified in `Mode.LIVE`: enough to hear of one that Azure would fail.
_VERIFIED_RUNS = 10
_STATUS_ONCE = (
    "%s: '%s' does not set its custom status again when it is replayed: the status is gone after the next turn, as on "
    "Azure. From now on it is always replayed."
)


class Answers:
    """Asks the orchestrators of an app in a mode. `of` may be called on several threads, for one execution on one."""

    def __init__(self, worker: Worker, functions: FunctionTable, mode: Mode) -> None:
        self._worker = worker
        self._functions = functions
        self._mode = mode
        self._begun: Counter[str] = Counter()
        self._never_live: set[str] = set()

    def are_verified(self, name: str) -> bool:
        """Whether a run that begins now is replayed too: if that was asked for, or in an orchestration's first runs."""
        if self._mode is Mode.LIVE:
            self._begun[name.casefold()] += 1
            return self._begun[name.casefold()] <= _VERIFIED_RUNS
        return self._mode is Mode.VERIFY

    def of(self, turn: Turn, execution: Execution) -> tuple[Answer, Answer | None] | None:
        """Ask the orchestrator on this thread; return its answer, and a replay's if that is to be held to it.

        None says that the app has no such orchestrator.

        Raises:
            ProtocolError: The answer is none that this host understands.
        """
        function = self._functions.find(TriggerType.ORCHESTRATION, execution.instance.name)
        if function is None:
            return None
        if self._mode is Mode.REPLAY or function.name in self._never_live:
            return self._replay(function, turn), None
        answer = self._go_on(function, turn, execution)
        if not execution.is_verified:
            return answer, None
        replayed = self._replay(function, turn)
        if answer.custom_status != replayed.custom_status:
            logger.warning(_STATUS_ONCE, execution.instance.instance_id, function.name)
            self._never_live.add(function.name)
            execution.session = None
        return replace(answer, custom_status=replayed.custom_status), replayed

    def _go_on(self, function: Function, turn: Turn, execution: Execution) -> Answer:
        try:
            if execution.session is not None:
                return self._worker.go_on(function, execution.session, execution.new_events)
            begun = self._worker.begin(function, turn.request())
        except FunctionFailedError as ex:
            return parse_failure(ex.text)
        execution.session = begun.session
        return begun.answer

    def _replay(self, function: Function, turn: Turn) -> Answer:
        try:
            text = self._worker.call(function, turn.request())
        except FunctionFailedError as ex:
            return parse_failure(ex.text)
        if text is None:
            raise ProtocolError("The orchestrator gave no answer.")
        return parse_answer(text)
