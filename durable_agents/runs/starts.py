"""Start runs so that repeating a start, at the same time or later, gives the same run."""

import asyncio
import hashlib
import json
import uuid
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import azure.durable_functions as df
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus
from pydantic import BaseModel, ValidationError

from durable_agents.http.problems import ProblemError, invalid_body, invalid_fields
from durable_agents.http.requests import read_model
from durable_agents.orchestration.completion_reports import WEBHOOK_FIELD
from durable_agents.orchestration.registry import Orchestration
from durable_agents.runs.status import FINGERPRINT_FIELD, INTERNAL_FIELDS, read_input, read_stored_input
from durable_agents.storage.claim_check import ClaimCheck
from durable_agents.threads import in_store_thread


def fingerprint(sent: BaseModel, fields: set[str], webhook: str | None = None) -> str:
    """Return what names a request: a digest of those fields, as validated, that the caller sent, and of its webhook.

    Defaults are left out, so that a repeat is recognised although a new deployment has other defaults.
    """
    content = sent.model_dump(mode="json", include=fields)
    if webhook is not None:
        content[WEBHOOK_FIELD] = webhook
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def stored_input_for(orchestration: Orchestration, body: Any, webhook: str | None = None) -> Any:
    """Return what a run is started with: the body, checked, with the defaults of the deployment and its fingerprint.

    An orchestration that stores it as it was sent gets the body alone. `webhook` is the URL to tell when the run has
    ended; it must have been checked.

    Raises:
        ProblemError: 400 that lists every wrong field, unknown ones and those that the deployment sets included; or the
            input has no room for a webhook.
    """
    if orchestration.stores_as_sent:
        if webhook is not None:
            detail = f"{orchestration.name} gets its input as it is sent, so there is no room for a webhook beside it."
            raise ProblemError(400, "webhook-not-possible", f"{detail} Leave it out, and ask for the run.")
        try:
            orchestration.input_model.model_validate(body)
        except ValidationError as error:
            raise invalid_body(error) from error
        return body
    fixed = sorted(body.keys() & orchestration.fixed.keys())
    if fixed:
        raise invalid_fields([{"field": name, "message": "is set by the deployment; leave it out"} for name in fixed])
    run_input = read_model(body, orchestration.input_model, {**orchestration.defaults, **orchestration.fixed})
    added = {FINGERPRINT_FIELD: fingerprint(run_input, set(body), webhook), **orchestration.allowance}
    if webhook is not None:
        added[WEBHOOK_FIELD] = webhook
    return {**run_input.model_dump(mode="json"), **added}


def new_instance_id(orchestration: str) -> str:
    """Return an instance id that no other run has."""
    return f"{orchestration}-{uuid.uuid4().hex}"


def instance_id_for(orchestration: str, idempotency_key: str) -> str:
    """Return the one instance id of all starts of this orchestration under this key."""
    return f"{orchestration}-{hashlib.sha256(idempotency_key.encode()).hexdigest()[:32]}"


class RunStarts:
    """Starts runs under idempotency keys.

    The task hub refuses a second *live* instance of one id, but replaces a finished one. So a start first looks whether
    the run exists, and starts of one id follow each other within this process. Between processes a gap remains: a
    repeat replaces the run if the run is started by another process and finishes between the look and the start.
    `claims` keeps the inputs that are too large for a history.
    """

    def __init__(self, claims: ClaimCheck | None = None) -> None:
        self._claims = claims
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def start(
        self, client: df.DurableOrchestrationClient, orchestration: str, instance_id: str, stored_input: Any
    ) -> None:
        """Start the run under an id that no other has. An input too large for a history is kept beside it.

        Raises:
            azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused it. Nothing is started.
            OSError: Its folder cannot be written. Nothing is started.
        """
        if self._claims is not None and self._claims.is_reader("orchestration", orchestration):
            shorten = partial(self._claims.shorten, beside=INTERNAL_FIELDS)
            stored_input = await in_store_thread(shorten, instance_id, stored_input)
        await client.start_new(orchestration, instance_id, stored_input)

    async def start_new(
        self, client: df.DurableOrchestrationClient, orchestration: str, instance_id: str, stored_input: Any
    ) -> None:
        """Start the run under an id that the caller has chosen.

        Raises:
            ProblemError: 409, something has this id already, whatever it is.
        """
        if await self._find_or_start(client, orchestration, instance_id, stored_input) is not None:
            detail = f"There is a run {instance_id!r} already. Choose another id, or leave it out to get a new one."
            raise ProblemError(409, "duplicate-run-id", detail)

    async def start_once(
        self,
        client: df.DurableOrchestrationClient,
        orchestration: str,
        instance_id: str,
        stored_input: Any,
        *,
        as_sent: bool = False,
    ) -> None:
        """Start the run unless it exists; `stored_input` must hold the fingerprint of the request.

        With `as_sent` it is the request itself.

        Raises:
            ProblemError: 422, the run exists and was started with another body.
        """
        existing = await self._find_or_start(client, orchestration, instance_id, stored_input)
        if existing is None:
            return
        if as_sent:
            is_same = _text_of(await self._input_of(existing)) == _text_of(stored_input)
        else:
            is_same = read_input(existing).get(FINGERPRINT_FIELD) == stored_input[FINGERPRINT_FIELD]
        if not is_same:
            detail = (
                f"Run {instance_id!r} was started under this Idempotency-Key with another body. "
                "Repeat the first body, or choose a new key."
            )
            raise ProblemError(422, "idempotency-key-reused", detail)

    async def _find_or_start(
        self, client: df.DurableOrchestrationClient, orchestration: str, instance_id: str, stored_input: Any
    ) -> DurableOrchestrationStatus | None:
        """Return what has this id already, with its input, or None after starting the run."""
        lock = self._locks.setdefault(instance_id, asyncio.Lock())
        async with lock:
            existing = await client.get_status(instance_id, show_input=True)
            if not existing:
                try:
                    await self.start(client, orchestration, instance_id, stored_input)
                    return None
                except Exception:
                    # The SDK has no exception of its own for "already exists": whether it does is what counts.
                    existing = await client.get_status(instance_id, show_input=True)
                    if not existing:
                        raise
            return existing

    async def _input_of(self, existing: DurableOrchestrationStatus) -> Any:
        stored = read_stored_input(existing)
        if self._claims is None:
            return stored
        return await in_store_thread(self._claims.restore, str(existing.instance_id), stored)


def _text_of(value: Any) -> str:
    """Return the JSON text of a value, the same for all that are equal as JSON: 1 and true are not."""
    return json.dumps(value, sort_keys=True)
