"""durabletask's own in-memory backend with its worker and client: gRPC in one process, nothing durable."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from durabletask import task
from durabletask.client import OrchestrationStatus, TaskHubGrpcClient
from durabletask.testing import create_test_backend
from durabletask.worker import TaskHubGrpcWorker

from bench.peer import FIRST_TURN_SECONDS, RUN_SECONDS, Peer


def noop(_context: task.ActivityContext, value: int) -> int:
    """Return the argument."""
    return value


def chain(context: task.OrchestrationContext, size: int) -> Generator[task.Task[Any], Any, str]:
    """Run activities one after the other."""
    for step in range(size):
        yield context.call_activity(noop, input=step)
    return "done"


def fan_out(context: task.OrchestrationContext, size: int) -> Generator[task.Task[Any], Any, int]:
    """Run activities side by side."""
    results = yield task.when_all([context.call_activity(noop, input=n) for n in range(size)])
    return len(results)


def wait_for_go(context: task.OrchestrationContext, _size: int) -> Generator[task.Task[Any], Any, str]:
    """Wait for an event, without an end."""
    yield context.wait_for_external_event("go")
    return "done"


_ORCHESTRATIONS: dict[str, Callable[[task.OrchestrationContext, int], Generator[task.Task[Any], Any, Any]]] = {
    one.__name__: one for one in (chain, fan_out, wait_for_go)
}


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
        self._worker.add_activity(noop)
        for orchestration in _ORCHESTRATIONS.values():
            self._worker.add_orchestrator(orchestration)
        self._worker.start()  # type: ignore[no-untyped-call]  # durabletask does not annotate it
        self._client = TaskHubGrpcClient(host_address=f"localhost:{port}", logger=quiet)

    def time_parallel(self, orchestration: str, size: int, count: int) -> float:
        started = time.perf_counter()
        ids = [self._start(orchestration, size) for _ in range(count)]
        for instance_id in ids:
            self._wait_for(instance_id)
        return time.perf_counter() - started

    def time_event(self) -> float:
        (instance_id,) = self._start_waiting(1)
        sent = time.perf_counter()
        self._client.raise_orchestration_event(instance_id, "go")
        self._wait_for(instance_id)
        return time.perf_counter() - sent

    def pause(self, count: int) -> None:
        self._start_waiting(count)

    def _start(self, orchestration: str, size: int) -> str:
        return self._client.schedule_new_orchestration(_ORCHESTRATIONS[orchestration], input=size)

    def _start_waiting(self, count: int) -> list[str]:
        ids = [self._start("wait_for_go", 0) for _ in range(count)]
        for instance_id in ids:
            self._client.wait_for_orchestration_start(instance_id, timeout=RUN_SECONDS)
        time.sleep(FIRST_TURN_SECONDS)
        return ids

    def _wait_for(self, instance_id: str) -> None:
        state = self._client.wait_for_orchestration_completion(instance_id, timeout=RUN_SECONDS)
        if state is None or state.runtime_status is not OrchestrationStatus.COMPLETED:
            raise RuntimeError(f"The run {instance_id} did not complete: {state}")


def open_peer(_folder: Path) -> InMemoryPeer:
    """Start a backend, a worker and a client."""
    return InMemoryPeer()
