"""An app written in a test, loaded into Azure's worker library."""

import pytest

from devhost.functions import Function
from devhost.tests.unit.conftest import IndexApp
from devhost.worker import FunctionFailedError, Worker

APP = """
    import asyncio
    import sys

    import azure.durable_functions as df
    import azure.functions as func

    app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
"""


class App:
    """An indexed app whose functions are called by name."""

    def __init__(self, worker: Worker, functions: list[Function]) -> None:
        self.worker = worker
        self.functions = {function.name: function for function in functions}

    async def run(self, name: str, payload: str = "null") -> str | None:
        """Run an activity, orchestrator or entity."""
        answer: str | None = await self.worker.run(self.functions[name], payload)
        return answer

    async def failure(self, name: str, payload: str = "null") -> FunctionFailedError:
        """Run a function that has to fail and return the failure."""
        with pytest.raises(FunctionFailedError) as failed:
            await self.worker.run(self.functions[name], payload)
        return failed.value


def app(index_app: IndexApp, source: str) -> App:
    worker, functions, refused = index_app(APP + source)
    assert refused == []
    return App(worker, functions)
