"""Turns of an agent: on devhost, and by the framework alone in the same process."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import azure.durable_functions as df
from agent_framework_azurefunctions._entities import create_agent_entity
from agent_framework_durabletask import RunRequest

from devhost.bench.outcomes import WrongOutcomeError
from devhost.bench.peers.devhost import DevhostPeer
from devhost.protocol.entities import EntityId, Request, batch_request, parse_batch_result

_ENTITY = "dafx-Parrot"
_ANSWER = "Good day to you."  # of the agent in `bench/apps/agent`
_WARM_UPS = 5


class AgentPeer(DevhostPeer):
    """An engine on the agent app, and the app's entity function without an engine.

    That function is made as the app makes it, and called as Azure's worker library calls it: JSON in, JSON out.
    """

    def __init__(self, folder: Path, replay: bool, fast_timestamps: bool) -> None:
        super().__init__(folder, replay, fast_timestamps, "agent")
        agent = importlib.import_module("function_app").agent
        self._framework: Callable[[str], str] = df.Entity.create(create_agent_entity(agent))
        self._states: list[str | None] = [None]

    def warm_up(self) -> None:
        self.time_turns(2, _WARM_UPS)

    def time_turns(self, turn: int, times: int) -> tuple[list[float], list[float]]:
        """Have sessions take their turn of this number, and return how long devhost and the framework needed.

        Raises:
            WrongOutcomeError: The session does not hold, after the turn, all messages with their answers.
        """
        ours, theirs = [], []
        for _ in range(times):
            entity = EntityId.of(_ENTITY, uuid4().hex)
            ours.append(self.run(self._time_devhost(entity, turn)))
            check_session(self.engine.state(entity), turn)
            seconds, answer = self._time_framework(turn)
            theirs.append(seconds)
            check_session(parse_batch_result(answer, 1).state, turn)
        return ours, theirs

    async def _time_devhost(self, entity: EntityId, turn: int) -> float:
        """Time a turn from the signal until the new state is durable."""
        state = self._state_before(turn)
        if state is not None:
            self.engine.put_state(entity, state)
        request = _request(turn)
        started = time.perf_counter()
        await self.engine.operate(entity, request)
        return time.perf_counter() - started

    def _time_framework(self, turn: int) -> tuple[float, str]:
        body = self._body(turn, _request(turn))
        started = time.perf_counter()
        answer = self._framework(body)
        return time.perf_counter() - started, answer

    def _state_before(self, turn: int) -> str | None:
        """Return the state that a session has before a turn; None before the first."""
        while len(self._states) < turn:
            next_turn = len(self._states)
            answer = self._framework(self._body(next_turn, _request(next_turn)))
            self._states.append(parse_batch_result(answer, 1).state)
        return self._states[turn - 1]

    def _body(self, turn: int, request: Request) -> str:
        state = self._state_before(turn)
        return batch_request(EntityId.of(_ENTITY, "session"), state is not None, state, [request])


def open_peer(folder: Path, replay: bool, fast_timestamps: bool) -> AgentPeer:
    """Open an engine with the agent app."""
    return AgentPeer(folder, replay, fast_timestamps)


def check_session(state: str | None, turns: int) -> None:
    """See that a session holds this many messages in their order, each with the agent's answer to it.

    Raises:
        WrongOutcomeError: It does not.
    """
    history = [] if state is None else json.loads(state)["data"]["conversationHistory"]
    found = [(entry["$type"], entry["correlationId"], _text(entry)) for entry in history]
    if len(found) != 2 * turns:
        raise WrongOutcomeError(f"A session has {len(found)} entries after turn {turns}, expected {2 * turns}.")
    for turn, (asked, answered) in enumerate(zip(found[::2], found[1::2], strict=True), 1):
        wanted = (("request", asked[1], _message(turn)), ("response", asked[1], _ANSWER))
        if (asked, answered) != wanted:
            raise WrongOutcomeError(f"Turn {turn} of a session is {asked}, {answered}; expected {wanted}.")


def _text(entry: dict[str, Any]) -> str:
    return "".join(content.get("text", "") for message in entry["messages"] for content in message["contents"])


def _message(turn: int) -> str:
    return f"This is message number {turn}."


def _request(turn: int) -> Request:
    """Return a user's message as the app's endpoint sends it: JSON text in a JSON string."""
    run = RunRequest(message=_message(turn), correlation_id=uuid4().hex).to_dict()
    return Request("run", uuid4().hex, json.dumps(json.dumps(run)), is_signal=True)
