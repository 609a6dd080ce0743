"""The Durable Functions management API, for people under the webhook's path and for the SDK's client under its own.

Source: answers recorded from Microsoft.Azure.WebJobs.Extensions.DurableTask 3.14.1. Whatever it does not know is 404
with an empty body, a wrong method included.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from devhost.engine.client import (
    HubUnavailableError,
    InstanceEndedError,
    InstanceNotFoundError,
    InstanceRunningError,
    InstanceStateError,
    InvalidIdError,
)
from devhost.engine.engine import Engine
from devhost.functions import FunctionTable, TriggerType
from devhost.hub.rows import Instance, Status
from devhost.protocol import failures
from devhost.protocol.client_binding import ClientBinding
from devhost.protocol.entities import EntityId
from devhost.protocol.json_text import compact
from devhost.routing.router import Route, Router
from devhost.routing.template import RouteTemplate
from devhost.web import payloads, query
from devhost.web.json_errors import json_error

_LONGEST_ID = 256
_REFUSED_IN_IDS = frozenset("/\\#?") | {chr(code) for code in (*range(32), *range(127, 160))}
_EMPTY_KEY = "$"


class UnreadableBodyError(Exception):
    """A request's body is no text."""


_Handler = Callable[[web.Request, Mapping[str, str]], Awaitable[web.Response]]


class ManagementApi:
    """Answers management requests from the task hub."""

    def __init__(self, engine: Engine, functions: FunctionTable, binding: ClientBinding) -> None:
        self._engine = engine
        self._functions = functions
        self._binding = binding
        self._handlers: dict[str, _Handler] = {}
        routes = [
            self._route("POST", "orchestrators/{name}/{id?}", self._start),
            self._route("GET", "instances", self._query),
            self._route("DELETE", "instances", self._purge_many),
            self._route("GET", "instances/{id}", self._status),
            self._route("DELETE", "instances/{id}", self._purge),
            self._route("POST", "instances/{id}/raiseEvent/{event}", self._raise_event),
            self._route("POST", "instances/{id}/terminate", self._terminate),
            self._route("POST", "instances/{id}/suspend", self._suspend),
            self._route("POST", "instances/{id}/resume", self._resume),
            self._route("POST", "instances/{id}/rewind", self._rewind),
            self._route("POST", "instances/{id}/restart", self._restart),
            self._route("GET", "entities/{name?}", self._list_entities),
            self._route("POST", "entities/{name}/{key}", self._signal_entity),
            self._route("DELETE", "entities/{name}/{key}", self._delete_entity),
            self._route("GET", "entities/{name}/{key}", self._read_entity),
        ]
        self._router = Router(routes)

    async def handle(self, request: web.Request, path: str) -> web.Response:
        """Answer a request; `path` is its raw path below the API's root."""
        match = self._router.match(request.method, path)
        if match is None:
            return web.Response(status=404)
        values = {name: value for name, value in match.values.items() if value is not None}
        if any("%2f" in value.lower() for value in values.values()):
            return web.Response(status=404)
        try:
            return await self._handlers[match.function_name](request, values)
        except InstanceNotFoundError:
            return web.Response(status=404)
        except InstanceEndedError:
            return web.Response(status=410)
        except UnreadableBodyError as ex:
            return _json(_invalid_json(str(ex)), 400)
        except InvalidIdError as ex:
            return _json({"Message": str(ex)}, 400)
        except HubUnavailableError as ex:
            return _json({"Message": str(ex)}, 503)
        except InstanceStateError as ex:
            message = "Something went wrong while processing your request"
            return _json(payloads.exception(message, "System.InvalidOperationException", str(ex)), 500)

    def _route(self, method: str, template: str, handler: _Handler) -> Route:
        name = f"{method} {template}"
        self._handlers[name] = handler
        return Route(name, RouteTemplate.parse(template), frozenset([method]))

    # Orchestrations

    async def _start(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        seconds, interval = query.number(request, "timeout"), query.number(request, "pollingInterval")
        waits = seconds is not None and interval is not None
        if seconds is not None and interval is not None and seconds < interval:
            text = f"Total timeout {seconds:g} should be bigger than retry timeout {interval:g}"
            return _json({"Message": text}, 400)
        instance_id = values.get("id")
        if instance_id is not None and not _is_valid_id(instance_id):
            return _json({"Message": f"The instance id '{instance_id}' is not allowed."}, 400)
        body = await _text(request)
        if body and (fault := json_error(body)) is not None:
            return _json(_invalid_json(fault), 400)
        try:
            instance_id = await self._engine.client.start(values["name"], instance_id, body or None)
        except InstanceRunningError:
            return _json({"Message": f"An orchestration with id '{instance_id}' already exists."}, 409)
        if waits and await self._engine.client.wait(instance_id, seconds or 0):
            instance = self._engine.hub.instance(instance_id)
            if instance is not None:
                return _outcome(instance)
        return self._check_status(request, instance_id)

    async def _status(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        instance = self._instance(values["id"])
        show_input = query.flag(request, "showInput", default=True)
        events = None
        if query.flag(request, "showHistory"):
            events = payloads.history_events(
                self._engine.hub.history(instance.instance_id),
                show_input=show_input,
                show_output=query.flag(request, "showHistoryOutput"),
            )
        payload = payloads.status(instance, show_input=show_input, history=events)
        if not instance.status.is_final:
            return _json(payload, 202, {"Location": str(request.url), "Retry-After": "5"})
        is_error = instance.status is Status.FAILED and query.flag(request, "returnInternalServerErrorOnFailure")
        return _json(payload, 500 if is_error else 200)

    async def _query(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        limit = query.limit(request)
        found = self._engine.hub.instances(
            statuses=query.statuses(request),
            created_from=query.time(request, "createdTimeFrom"),
            created_to=query.time(request, "createdTimeTo"),
            id_prefix=request.query.get("instanceIdPrefix", ""),
            after=query.after(request),
            limit=limit + 1,
        )
        page = found[:limit]
        token = query.token(page[-1].created, page[-1].instance_id) if len(found) > limit else ""
        show_input = query.flag(request, "showInput", default=True)
        rows = [payloads.status(one, show_input=show_input) for one in page]
        return _json(rows, headers={query.CONTINUATION: token})

    async def _purge(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        if not await self._engine.client.purge(values["id"]):
            return web.Response(status=404)
        return _json({"instancesDeleted": 1})

    async def _purge_many(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        created_from = query.time(request, "createdTimeFrom")
        if created_from is None:
            return _json("Please provide value for 'createdTimeFrom' parameter.", 400)
        purged = await self._engine.client.purge_many(
            query.statuses(request), created_from, query.time(request, "createdTimeTo")
        )
        return _json({"instancesDeleted": purged}) if purged else web.Response(status=404)

    async def _raise_event(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        body = await _text(request)
        if request.content_type != "application/json" or not body:
            return _json({"Message": "Only application/json request content is supported"}, 400)
        if (fault := json_error(body)) is not None:
            return _json(_invalid_json(fault), 400)
        await self._engine.client.raise_event(values["id"], values["event"], compact(json.loads(body)))
        return web.Response(status=202)

    async def _terminate(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        await self._engine.client.terminate(values["id"], request.query.get("reason"))
        return web.Response(status=202)

    async def _suspend(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        await self._engine.client.suspend(values["id"], request.query.get("reason"))
        return web.Response(status=202)

    async def _resume(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        await self._engine.client.resume(values["id"], request.query.get("reason"))
        return web.Response(status=202)

    async def _rewind(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        await self._engine.client.rewind(values["id"])
        return web.Response(status=202)

    async def _restart(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        old_id = values["id"]
        try:
            new_id = await self._engine.client.restart(
                old_id, new_id=query.flag(request, "restartWithNewInstanceId", default=True)
            )
        except InstanceNotFoundError:
            message = "InstanceId does not match a valid orchestration instance."
            text = f"No instance with ID '{old_id}' was found. (Parameter 'instanceId')"
            return _json(payloads.exception(message, "System.ArgumentException", text), 400)
        except InstanceRunningError as ex:
            message = "A non-terminal instance with this instance ID already exists."
            kind = "DurableTask.Core.Exceptions.OrchestrationAlreadyExistsException"
            return _json(payloads.exception(message, kind, str(ex)), 409)
        return self._check_status(request, new_id)

    # Entities

    async def _signal_entity(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        body = await _text(request)
        input_text: str | None = body or None
        if body and request.content_type == "application/json":
            if (fault := json_error(body)) is not None:
                return _json({"Message": f"Could not parse JSON content: {fault}"}, 400)
        elif body:
            input_text = compact(body)
        return await self._signal(values, request.query.get("op", ""), input_text)

    async def _delete_entity(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        return await self._signal(values, "delete", None)

    async def _read_entity(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        row = self._engine.hub.entity(str(_entity_id(values)))
        if row is None or not row.present or row.state is None:
            return web.Response(status=404)
        return web.Response(text=row.state, content_type="application/json", charset="utf-8")

    async def _list_entities(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        limit = query.limit(request)
        found = self._engine.hub.entities(
            name=values.get("name", "").lower(),
            updated_from=query.time(request, "lastOperationTimeFrom"),
            updated_to=query.time(request, "lastOperationTimeTo"),
            after=query.after(request),
            limit=limit + 1,
        )
        page = found[:limit]
        token = query.token(page[-1].updated, page[-1].entity_id) if len(found) > limit else ""
        fetch_state = query.flag(request, "fetchState")
        return _json(
            [payloads.entity(one, fetch_state=fetch_state) for one in page], headers={query.CONTINUATION: token}
        )

    async def _signal(self, values: Mapping[str, str], operation: str, input_text: str | None) -> web.Response:
        entity_id = _entity_id(values)
        if self._functions.find(TriggerType.ENTITY, entity_id.name) is None:
            known = self._functions.names(TriggerType.ENTITY)
            return _json({"Message": failures.unknown_function(entity_id.name, "entity", known)}, 400)
        await self._engine.client.signal_entity(entity_id, operation, input_text)
        return web.Response(status=202)

    def _instance(self, instance_id: str) -> Instance:
        instance = self._engine.hub.instance(instance_id)
        if instance is None:
            raise InstanceNotFoundError(f"There is no instance '{instance_id}'.")
        return instance

    def _check_status(self, request: web.Request, instance_id: str) -> web.Response:
        payload = self._binding.management_payload(instance_id, str(request.url.origin()))
        return _json(payload, 202, {"Location": payload["statusQueryGetUri"], "Retry-After": "10"})


async def _text(request: web.Request) -> str:
    """Return the body as text.

    Raises:
        UnreadableBodyError: It is no UTF-8.
    """
    try:
        return (await request.read()).decode()
    except UnicodeDecodeError as ex:
        raise UnreadableBodyError(f"The body is not UTF-8 text: {ex}") from ex


def _json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response(body, status=status, headers=headers)


def _outcome(instance: Instance) -> web.Response:
    if instance.status is Status.COMPLETED:
        return web.Response(text=instance.output or "null", content_type="application/json", charset="utf-8")
    return _json(payloads.status(instance, show_input=True))


def _invalid_json(fault: str) -> dict[str, str]:
    return payloads.exception("Invalid JSON content", "Newtonsoft.Json.JsonReaderException", fault)


def _is_valid_id(instance_id: str) -> bool:
    return len(instance_id) <= _LONGEST_ID and instance_id[0] != "@" and not _REFUSED_IN_IDS & set(instance_id)


def _entity_id(values: Mapping[str, str]) -> EntityId:
    key = values["key"]
    return EntityId.of(values["name"], "" if key == _EMPTY_KEY else key)
