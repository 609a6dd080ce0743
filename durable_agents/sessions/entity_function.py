"""Register an entity with a durable client: the SDK's own decorators give one to no entity.

The SDK's connections belong to the event loop of the worker, while an entity runs in a thread and its agent on another
loop. `HubClient` brings each call to where it belongs.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

import azure.durable_functions as df
import azure.functions as func
from agent_framework_azurefunctions import AgentFunctionApp

from durable_agents.storage.claim_check import ClaimCheck
from durable_agents.threads import in_thread

ResultT = TypeVar("ResultT")


class HubClient:
    """The durable client of one invocation of an entity, to be used from any event loop.

    `claims` keeps what is too large for the histories of runs.
    """

    def __init__(
        self, client: df.DurableOrchestrationClient, worker_loop: asyncio.AbstractEventLoop, claims: ClaimCheck
    ) -> None:
        self.claims = claims
        self._client = client
        self._worker_loop = worker_loop

    async def call(self, use: Callable[[df.DurableOrchestrationClient], Coroutine[Any, Any, ResultT]]) -> ResultT:
        """Await `use(client)` on the worker's loop and return its result, or raise what it raises."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(use(self._client), self._worker_loop))


EntityOperation = Callable[[df.DurableEntityContext, HubClient], None]


def register_entity(app: AgentFunctionApp, name: str, operation: EntityOperation, claims: ClaimCheck) -> None:
    """Register `operation` as the entity function of this name; it runs in a thread, once for each message."""

    async def run_entity(context: func.EntityContext, client: str) -> str:
        hub = HubClient(df.DurableOrchestrationClient(client), asyncio.get_running_loop(), claims)
        run: Callable[[Any], str] = df.Entity.create(lambda entity: operation(entity, hub))
        return await in_thread(run, context)

    run_entity.__name__ = name
    # AgentFunctionApp declares only a part of what it inherits.
    full_app = cast(df.DFApp, app)
    bound = full_app.generic_input_binding(arg_name="client", type="durableClient")(run_entity)
    full_app.generic_trigger(arg_name="context", type="entityTrigger", entityName=name)(bound)
