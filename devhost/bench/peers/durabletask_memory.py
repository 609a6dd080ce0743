"""durabletask's own in-memory backend with its worker and client: gRPC in one process, nothing durable."""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from durabletask import task
from durabletask.client import OrchestrationState, OrchestrationStatus, TaskHubGrpcClient
from durabletask.testing import create_test_backend
from durabletask.worker import TaskHubGrpcWorker

from devhost.bench.outcomes import COMPLETED, EVENTS, Outcome, digest
from devhost.bench.peer import FIRST_TURN_SECONDS, RUN_SECONDS, Peer
from devhost.bench.progress import END, event_name, short_step, steps_before


def noop(_context: task.ActivityContext, value: int) -> int:
    """Return the argument."""
    return value


def short(context: task.ActivityContext, step: int) -> int:
    """Do a little I/O."""
    return short_step(context.orchestration_id, step)


def chain(context: task.OrchestrationContext, size: int) -> Generator[task.Task[Any], Any, int]:
    """Run activities one after the other."""
    results = []
    for step in range(size):
        results.append((yield context.call_activity(noop, input=step)))
    return digest(results)


def fan_out(context: task.OrchestrationContext, size: int) -> Generator[task.Task[Any], Any, int]:
    """Run activities side by side."""
    results = yield task.when_all([context.call_activity(noop, input=n) for n in range(size)])
    return digest(results)


def wait_for_go(context: task.OrchestrationContext, _size: int) -> Generator[task.Task[Any], Any, Any]:
    """Wait for an event, without an end."""
    return (yield context.wait_for_external_event("go"))


def listening_chain(context: task.OrchestrationContext, size: int) -> Generator[task.Task[Any], Any, list[int]]:
    """Run activities one after the other, and wait for each event when it is due."""
    results, events = [], list[int]()
    for step in range(size):
        while len(events) < EVENTS and steps_before(len(events), size) <= step:
            events.append((yield context.wait_for_external_event(event_name(len(events)))))
        results.append((yield context.call_activity(short, input=step)))
    yield context.wait_for_external_event(END)
    return [digest(results), *events]


def deaf_chain(context: task.OrchestrationContext, size: int) -> Generator[task.Task[Any], Any, list[int]]:
    """Run activities one after the other, and wait for the last event only."""
    results = []
    for step in range(size):
        results.append((yield context.call_activity(short, input=step)))
    yield context.wait_for_external_event(END)
    return [digest(results)]


_ORCHESTRATIONS: dict[str, Callable[[task.OrchestrationContext, int], Generator[task.Task[Any], Any, Any]]] = {
    one.__name__: one for one in (chain, fan_out, wait_for_go, listening_chain, deaf_chain)
}
_STATUSES = {OrchestrationStatus.COMPLETED: COMPLETED}


class InMemoryPeer(Peer):
    """The backend, a worker and a client, with their default settings but for the log."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        quiet = logging.getLogger("durabletask")
        quiet.setLevel(logging.ERROR)
        self._backend = create_test_backend(port)
        self._worker = TaskHubGrpcWorker(host_address=f"localhost:{port}", logger=quiet)
        for activity in (noop, short):
            self._worker.add_activity(activity)
        for orchestration in _ORCHESTRATIONS.values():
            self._worker.add_orchestrator(orchestration)
        self._worker.start()  # type: ignore[no-untyped-call]  # durabletask does not annotate it
        self._client = TaskHubGrpcClient(host_address=f"localhost:{port}", logger=quiet)

    def start(self, orchestration: str, size: int, count: int) -> list[str]:
        start = self._client.schedule_new_orchestration
        return [start(_ORCHESTRATIONS[orchestration], input=size) for _ in range(count)]

    def start_waiting(self, count: int) -> list[str]:
        runs = self.start("wait_for_go", 0, count)
        for run in runs:
            self._client.wait_for_orchestration_start(run, timeout=RUN_SECONDS)
        time.sleep(FIRST_TURN_SECONDS)
        return runs

    def send_event(self, run: str, name: str, payload: object) -> None:
        self._client.raise_orchestration_event(run, name, data=payload)

    def wait(self, runs: Sequence[str]) -> None:
        for run in runs:
            if self._client.wait_for_orchestration_completion(run, fetch_payloads=False, timeout=RUN_SECONDS) is None:
                raise TimeoutError(f"The run {run} has not ended within {RUN_SECONDS:g} s.")

    def outcomes(self, runs: Sequence[str]) -> list[Outcome]:
        found = [self._client.get_orchestration_state(run) for run in runs]
        return [_outcome(state) for state in found if state is not None]


def open_peer(_folder: Path) -> InMemoryPeer:
    """Start a backend, a worker and a client."""
    return InMemoryPeer()


def _outcome(state: OrchestrationState) -> Outcome:
    status = _STATUSES.get(state.runtime_status, state.runtime_status.name)
    if state.failure_details is not None:
        return Outcome(state.instance_id, status, state.failure_details.message)
    output = None if state.serialized_output is None else json.loads(state.serialized_output)
    return Outcome(state.instance_id, status, output)
