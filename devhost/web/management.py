"""The Durable Functions management API, for people under the webhook's path and for the SDK's client under its own.

Source: answers recorded from Microsoft.Azure.WebJobs.Extensions.DurableTask 3.14.1. Whatever it does not know is 404
with an empty body, a wrong method included.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import unquote_plus

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
from devhost.functions import FunctionTable
from devhost.hub.rows import Instance, Status
from devhost.protocol.client_binding import ClientBinding
from devhost.protocol.json_text import compact
from devhost.routing.router import Route, Router, decode_path
from devhost.routing.template import RouteTemplate
from devhost.web import payloads, query
from devhost.web.bodies import ODD, UnreadableBodyError, json_response, parse, read_text
from devhost.web.entities import EntityApi

_LONGEST_ID = 256
_NOT_FAILED = 'This orchestration has status {}, but only orchestrations in the "Failed" state can be rewound.'
_NOT_ENDED = (
    "Only orchestrations in a terminal state can be purged, but the orchestration with instance ID {} has status {}"
)

_Handler = Callable[[web.Request, Mapping[str, str]], Awaitable[web.Response]]


class ManagementApi:
    """Answers management requests from the task hub."""

    def __init__(self, engine: Engine, functions: FunctionTable, binding: ClientBinding) -> None:
        self._engine = engine
        self._binding = binding
        entities = EntityApi(engine, functions)
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
            self._route("GET", "entities/{name?}", entities.list),
            self._route("POST", "entities/{name}/{key?}", entities.signal),
            self._route("DELETE", "entities/{name}/{key?}", entities.delete),
            self._route("GET", "entities/{name}/{key}", entities.read),
        ]
        self._router = Router(routes)

    async def handle(self, request: web.Request, path: str) -> web.Response:
        """Answer a request; `path` is its raw path below the API's root.

        The extension decodes once more what the web server has decoded: as a form, where `+` is a blank.
        """
        match = self._router.match_decoded(request.method, unquote_plus(decode_path(path)).rstrip("/"))
        if match is None:
            return web.Response(status=404)
        values = {name: value for name, value in match.values.items() if value is not None}
        try:
            return await self._handlers[match.function_name](request, values)
        except InstanceNotFoundError:
            return web.Response(status=404)
        except InstanceEndedError:
            return web.Response(status=410)
        except UnreadableBodyError as ex:
            return json_response(ex.answer, status=400)
        except query.UnknownTokenError as ex:
            return json_response({"Message": str(ex)}, status=400)
        except InvalidIdError as ex:
            return json_response({"Message": str(ex)}, status=400)
        except HubUnavailableError as ex:
            return json_response({"Message": str(ex)}, status=503)
        except InstanceStateError as ex:
            message = "Something went wrong while processing your request"
            return json_response(payloads.exception(message, "System.InvalidOperationException", str(ex)), status=500)

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
            return json_response({"Message": text}, status=400)
        instance_id = values.get("id")
        if instance_id is not None and not _is_valid_id(instance_id):
            return json_response({"Message": f"The instance id '{instance_id}' is not allowed."}, status=400)
        body = await read_text(request)
        if body:
            parse(body)
        try:
            instance_id = await self._engine.client.start(values["name"], instance_id, body or None)
        except InstanceRunningError:
            return json_response({"Message": f"An orchestration with id '{instance_id}' already exists."}, status=409)
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
            return json_response(payload, status=202, headers={"Location": str(request.url), "Retry-After": "5"})
        is_error = instance.status is Status.FAILED and query.flag(request, "returnInternalServerErrorOnFailure")
        return json_response(payload, status=500 if is_error else 200)

    async def _query(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        limit = query.limit(request)
        found = self._engine.hub.instances(
            statuses=query.statuses(request),
            created_from=query.time(request, "createdTimeFrom"),
            created_to=query.time(request, "createdTimeTo"),
            id_prefix=query.prefix(request),
            after=query.after(request),
            limit=limit + 1,
        )
        page = found[:limit]
        token = query.token(page[-1].created, page[-1].instance_id) if len(found) > limit else ""
        show_input = query.flag(request, "showInput", default=True)
        rows = [payloads.status(one, show_input=show_input) for one in page]
        return json_response(rows, headers={query.CONTINUATION: token})

    async def _purge(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        instance = self._instance(values["id"])
        if not instance.status.is_final:
            return json_response(_NOT_ENDED.format(instance.instance_id, instance.status), status=412)
        if not await self._engine.client.purge(instance.instance_id):
            return web.Response(status=404)
        return json_response({"instancesDeleted": 1})

    async def _purge_many(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        created_from = query.time(request, "createdTimeFrom")
        if created_from is None:
            return json_response("Please provide value for 'createdTimeFrom' parameter.", status=400)
        purged = await self._engine.client.purge_many(
            query.statuses(request), created_from, query.time(request, "createdTimeTo")
        )
        return json_response({"instancesDeleted": purged}) if purged else web.Response(status=404)

    async def _raise_event(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        body = await read_text(request)
        if request.content_type != "application/json" or not body:
            return json_response({"Message": "Only application/json request content is supported"}, status=400)
        await self._engine.client.raise_event(values["id"], values["event"], compact(parse(body)))
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
        instance = self._engine.hub.instance(values["id"])
        if instance is None:
            # The `$` is the extension's own slip.
            return json_response(f'No orchestration with instance ID "${values["id"]}" found.', status=404)
        if instance.status is not Status.FAILED:
            return json_response(_NOT_FAILED.format(instance.status), status=412)
        await self._engine.client.rewind(instance.instance_id)
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
            return json_response(payloads.exception(message, "System.ArgumentException", text), status=400)
        except InstanceRunningError as ex:
            message = "A non-terminal instance with this instance ID already exists."
            kind = "DurableTask.Core.Exceptions.OrchestrationAlreadyExistsException"
            return json_response(payloads.exception(message, kind, str(ex)), status=409)
        return self._check_status(request, new_id)

    def _instance(self, instance_id: str) -> Instance:
        instance = self._engine.hub.instance(instance_id)
        if instance is None:
            raise InstanceNotFoundError(f"There is no instance '{instance_id}'.")
        return instance

    def _check_status(self, request: web.Request, instance_id: str) -> web.Response:
        payload = self._binding.management_payload(instance_id, str(request.url.origin()))
        return json_response(
            payload, status=202, headers={"Location": payload["statusQueryGetUri"], "Retry-After": "10"}
        )


def _outcome(instance: Instance) -> web.Response:
    if instance.status is Status.COMPLETED:
        return web.Response(text=instance.output or "null", content_type="application/json", charset="utf-8")
    return json_response(payloads.status(instance, show_input=True))


def _is_valid_id(instance_id: str) -> bool:
    """Tell whether an instance may have this id. The extension takes all; blanks alone hold up its whole task hub."""
    is_blank = not instance_id.strip()
    return len(instance_id) <= _LONGEST_ID and instance_id[0] != "@" and not is_blank and not ODD.search(instance_id)
