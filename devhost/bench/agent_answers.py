"""Rows on what callers of this project's agents wait for: its app on devhost, over HTTP, with the offline model."""

from __future__ import annotations

import asyncio
import statistics
import time
from http import HTTPStatus
from pathlib import Path

import httpx

from devhost.app_settings import load_local_settings
from devhost.bench.contenders import DEVHOST, host_flags
from devhost.bench.figures import AtMost, Line
from devhost.bench.host_process import HostProcess
from devhost.bench.outcomes import WrongOutcomeError
from devhost.bench.stage import Stage
from durable_agents.polling import poll

_APP = Path(__file__).resolve().parents[2]
_TURNS = (1, 10, 50, 200)
_LAST = _TURNS[-1]
# A turn stands for the median of itself and its neighbours.
_NEIGHBOURS = 4
_MESSAGE = "What did we say about the delivery of the order, and when will it come? "
_WAIT_SECONDS = 10.0


def agent_answers(stage: Stage) -> list[Line]:
    """Time turns of one session from request to answer, and count how often a long wait looks for an answer."""
    sessions = [_time_session(stage) for _ in range(stage.scale.long)]
    medians = {turn: [1000 * statistics.median(_near(seconds, turn)) for seconds in sessions] for turn in _TURNS}
    growth = {DEVHOST: [last / first for first, last in zip(medians[1], medians[_LAST], strict=True)]}
    lines = [
        Line(f"agent over HTTP, turn {turn}", "ms", {DEVHOST: medians[turn]}, (AtMost(30, "ms"),)) for turn in _TURNS
    ]
    lines.append(
        Line(f"agent over HTTP, turn {_LAST}, in first turns", "times", growth, (AtMost(2, "times"),), digits=2)
    )
    looks = {DEVHOST: [float(asyncio.run(_count_looks()))]}
    title = f"looks at the session in a wait of {_WAIT_SECONDS:g} s"
    return [*lines, Line(title, "", looks, (AtMost(30, ""),), digits=0)]


def _time_session(stage: Stage) -> list[float]:
    """Return the seconds of each turn of a session; another has warmed the host up."""
    folder = stage.new_folder()
    _, environment = load_local_settings(_APP)
    environment |= {"MODEL_PROVIDER": "offline", "STATE_DIR": str(folder / "state")}
    with (
        HostProcess(_APP, folder / "hub.db", host_flags(DEVHOST), environment) as host,
        httpx.Client(base_url=host.url, timeout=60) as http,
    ):
        for _ in range(_NEIGHBOURS):
            _time_turn(http, "warm-up")
        return [_time_turn(http, "measured") for _ in range(_LAST)]


def _time_turn(http: httpx.Client, session: str) -> float:
    started = time.perf_counter()
    answer = http.post("/api/agents/Writer/run", json={"message": _MESSAGE, "session_id": session})
    seconds = time.perf_counter() - started
    check_answer(answer, session)
    return seconds


def check_answer(answer: httpx.Response, session: str) -> None:
    """See that the agent has answered, in this session.

    Raises:
        WrongOutcomeError: It has not.
    """
    told = answer.json() if answer.status_code == HTTPStatus.OK else {}
    if (told.get("status"), told.get("session_id")) != ("success", session) or not told.get("response"):
        raise WrongOutcomeError(f"The agent answered {answer.status_code}: {answer.text}")


def _near(seconds: list[float], turn: int) -> list[float]:
    return seconds[max(turn - 1 - _NEIGHBOURS, 0) : turn + _NEIGHBOURS]


async def _count_looks() -> int:
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1

    await poll(look, _WAIT_SECONDS)
    return looks
