"""Turns of an agent: on devhost, and by the framework alone in the same process."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import azure.durable_functions as df
from agent_framework_azurefunctions._entities import create_agent_entity
from agent_framework_durabletask import RunRequest

from bench.peers.devhost import DevhostPeer
from devhost.clock import SystemClock
from devhost.hub.rows import Changes, Entity
from devhost.protocol.entities import EntityId, Request, batch_request, parse_batch_result
from devhost.sessions import Mode

_AGENT_APP = Path(__file__).resolve().parents[1] / "apps" / "agent"
_ENTITY = "dafx-Parrot"
_WARM_UPS = 5


class AgentPeer(DevhostPeer):
    """An engine on the agent app, and the app's entity function without an engine.

    That function is made as the app makes it, and called as Azure's worker library calls it: JSON in, JSON out.
    """

    def __init__(self, folder: Path, mode: Mode, fast_timestamps: bool) -> None:
        super().__init__(folder, mode, fast_timestamps, _AGENT_APP)
        agent = importlib.import_module("function_app").agent
        self._framework: Callable[[str], str] = df.Entity.create(create_agent_entity(agent))
        self._states: list[str | None] = [None]

    def warm_up(self) -> None:
        self.time_turns(2, _WARM_UPS)

    def time_turns(self, turn: int, times: int) -> tuple[list[float], list[float]]:
        """Have sessions take their turn of this number, and return how long devhost and the framework needed."""
        ours, theirs = [], []
        for _ in range(times):
            ours.append(self.run(self._time_devhost(turn)))
            theirs.append(self._time_framework(turn))
        return ours, theirs

    async def _time_devhost(self, turn: int) -> float:
        """Time a turn from the signal until the new state is durable."""
        entity = EntityId.of(_ENTITY, uuid4().hex)
        state = self._state_before(turn)
        if state is not None:
            before = Changes(entity=Entity(str(entity), True, state, SystemClock().now()))
            self.engine.dispatcher.commit(before)
        done = self.hub.watch(str(entity))
        request = _request(turn)
        started = time.perf_counter()
        self.engine.client.signal_entity(entity, request.operation, request.input)
        await done
        return time.perf_counter() - started

    def _time_framework(self, turn: int) -> float:
        body = self._body(turn, _request(turn))
        started = time.perf_counter()
        self._framework(body)
        return time.perf_counter() - started

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


def open_peer(folder: Path, mode: Mode, fast_timestamps: bool) -> AgentPeer:
    """Open an engine with the agent app."""
    return AgentPeer(folder, mode, fast_timestamps)


def _request(turn: int) -> Request:
    """Return a user's message as the app's endpoint sends it: JSON text in a JSON string."""
    run = RunRequest(message=f"This is message number {turn}.", correlation_id=uuid4().hex).to_dict()
    return Request("run", uuid4().hex, json.dumps(json.dumps(run)), is_signal=True)
