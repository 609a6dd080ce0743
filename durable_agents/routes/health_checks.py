"""Ask the task hub and the model whether they answer, and whether links of reviewers can be signed.

Whoever has a key may ask for that, and each time would cost a call of the model. So an answer is kept for half
a minute, and callers who come meanwhile are given the same.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import azure.durable_functions as df
from agent_framework import Message, SupportsChatGetResponse
from pydantic import BaseModel

from durable_agents.chat_clients.whole_answer import check_whole
from durable_agents.sessions.failure_log import log_failure
from durable_agents.sessions.failures import describe_failure
from durable_agents.threads import in_store_thread

_KEPT_SECONDS = 30.0
_LONGEST_SECONDS = 20.0
_NO_RUN = "health-check"
_QUESTION = "This is a health check. Answer with the word OK."


class Check(BaseModel):
    """Whether one thing answered, in how many milliseconds, and if not, why: nothing that a provider or a host said."""

    status: Literal["ok", "failed"]
    milliseconds: int
    error: str | None


class Checks(BaseModel):
    """Whether what the app depends on answers, and whether the key of reviewers' links is there."""

    task_hub: Check
    model: Check
    approval_links: Check

    @property
    def failed(self) -> list[str]:
        """The names of what did not answer."""
        return [name for name, check in self if check.status == "failed"]


class Dependencies:
    """What the app depends on.

    `check_links` raises if links cannot be signed. `create_chat_client` is called once. The client is used on the event
    loop of the routes alone, as connections belong to one loop, and agents run on another.
    """

    def __init__(
        self,
        create_chat_client: Callable[[], SupportsChatGetResponse[Any]],
        check_links: Callable[[], object],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._create_chat_client = create_chat_client
        self._check_links = check_links
        self._now = now
        self._chat_client: SupportsChatGetResponse[Any] | None = None
        self._asking = asyncio.Lock()
        self._kept: tuple[float, Checks] | None = None

    async def check(self, client: df.DurableOrchestrationClient) -> Checks:
        """Ask both at the same time, for at most 20 seconds, unless that was done in the last 30."""
        async with self._asking:
            if self._kept is None or self._now() - self._kept[0] > _KEPT_SECONDS:
                hub, model, links = await asyncio.gather(
                    _check(client.get_status(_NO_RUN), "The task hub does not answer."),
                    _check(self._ask_model()),
                    _check(in_store_thread(self._check_links), "There is no key to sign the links of reviewers with."),
                )
                self._kept = (self._now(), Checks(task_hub=hub, model=model, approval_links=links))
            return self._kept[1]

    async def _ask_model(self) -> None:
        if self._chat_client is None:
            self._chat_client = self._create_chat_client()
        # As agents ask it: some servers answer one whole text, but no stream.
        stream = self._chat_client.get_response([Message("user", [_QUESTION])], stream=True)
        check_whole(await stream.get_final_response())


async def _check(answer: Awaitable[object], error: str | None = None) -> Check:
    """Wait for an answer. The log gets the exception, callers `error`, or what may be told of a model's failure."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            await answer
    except Exception as ex:
        log_failure(logging.WARNING, "The health check", ex)
        return Check(status="failed", milliseconds=_since(began), error=error or describe_failure(ex).message)
    return Check(status="ok", milliseconds=_since(began), error=None)


def _since(began: float) -> int:
    return round(1000 * (time.perf_counter() - began))
