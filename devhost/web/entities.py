"""The management API's part for entities: signal, delete, read and list them."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from devhost.engine.engine import Engine
from devhost.functions import FunctionTable, TriggerType
from devhost.protocol import failures
from devhost.protocol.entities import EntityId
from devhost.protocol.json_text import compact
from devhost.web import payloads, query
from devhost.web.bodies import ODD, json_response, read_text
from devhost.web.json_reading import UnreadableJsonError, read_json

_EMPTY_KEY = "$"
_ODD_KEY = "entityKey (Parameter 'Entity keys must not contain /, \\, #, ?, or control characters.')"


class EntityApi:
    """Answers requests for entities from the task hub. Names are compared without regard to case, keys with it."""

    def __init__(self, engine: Engine, functions: FunctionTable) -> None:
        self._engine = engine
        self._functions = functions

    async def signal(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        """Send an operation, `op`, with the body as its input."""
        body = await read_text(request)
        input_text: str | None = body or None
        if body and request.content_type == "application/json":
            try:
                read_json(body)
            except UnreadableJsonError as ex:
                return json_response({"Message": f"Could not parse JSON content: {ex}"}, status=400)
        elif body:
            input_text = compact(body)
        return await self._signal(values, request.query.get("op", ""), input_text)

    async def delete(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        """Send the operation `delete`."""
        return await self._signal(values, "delete", None)

    async def read(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        """Return the state."""
        row = self._engine.hub.entity(str(_entity_id(values)))
        if row is None or not row.present or row.state is None:
            return web.Response(status=404)
        return web.Response(text=row.state, content_type="application/json", charset="utf-8")

    async def list(self, request: web.Request, values: Mapping[str, str]) -> web.Response:
        """Return one page of the entities, of one name or of all."""
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
        rows = [payloads.entity(one, fetch_state=fetch_state) for one in page]
        return json_response(rows, headers={query.CONTINUATION: token})

    async def _signal(self, values: Mapping[str, str], operation: str, input_text: str | None) -> web.Response:
        entity_id = _entity_id(values)
        if ODD.search(entity_id.key):
            return json_response({"Message": _ODD_KEY}, status=400)
        if self._functions.find(TriggerType.ENTITY, entity_id.name) is None:
            known = self._functions.names(TriggerType.ENTITY)
            return json_response({"Message": failures.unknown_function(entity_id.name, "entity", known)}, status=400)
        await self._engine.client.signal_entity(entity_id, operation, input_text)
        return web.Response(status=202)


def _entity_id(values: Mapping[str, str]) -> EntityId:
    key = values.get("key", _EMPTY_KEY)
    return EntityId.of(values["name"], "" if key == _EMPTY_KEY else key)
