"""The OpenAPI 3.1 document of the HTTP API, made of the contracts of its routes and their pydantic models."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from durable_agents import __version__
from durable_agents import ids as names
from durable_agents.http.access import OPERATOR_KEY_HEADER
from durable_agents.http.contracts import Content, Contract, HttpRoute, Parameter
from durable_agents.http.problems import Problem

_PROBLEM_TYPE = "application/problem+json"

_DESCRIPTION = """\
Durable AI agents: talk to an agent, start orchestrations, decide on what they ask.

Errors are `application/problem+json`. Every 202 says in `Location` where to look, and in `Retry-After` when. Times are
ISO 8601 in UTC."""
_PARAMETER = re.compile(r"\{(\w+)[^}]*\}")
_REFERENCE = "#/components/schemas/{model}"
_PATH_PATTERNS = {
    "session": names.SESSION_ID,
    "instance_id": names.INSTANCE_ID,
    "correlation_id": names.CORRELATION_ID,
    "human_request_id": names.QUALIFIED_REQUEST_ID,
    "name": names.EVENT_NAME,
}
_ACCEPTED_HEADERS = {
    "Location": {"description": "Where to look next.", "required": True, "schema": {"type": "string", "format": "uri"}},
    "Retry-After": {"description": "In how many seconds.", "required": True, "schema": {"type": "integer"}},
}


def build_document(routes: Iterable[HttpRoute], path_values: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the document, as plain JSON, without its servers.

    A route with several contracts becomes several paths, each with the value in the place of the path parameter.
    `path_values` are the possible values of other path parameters, by name; those of the library have patterns.

    Raises:
        ValueError: A docstring is missing.
    """
    operations = [operation for route in routes for operation in _expand(route)]
    schemas = _Schemas(contract for *_, contract in operations)
    paths: dict[str, dict[str, Any]] = {}
    for route, path, operation_id, contract in operations:
        # What the Functions host knows of a parameter, as in `{number:int}`, is none of the document's.
        shown = _PARAMETER.sub(r"{\1}", path)
        for method in route.methods:
            operation = _describe(route, path, operation_id, contract, schemas, path_values)
            paths.setdefault(f"/{shown}", {})[method.lower()] = (
                _without_content(operation) if method == "HEAD" else operation
            )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Durable agents", "version": __version__, "description": _DESCRIPTION},
        "security": [{"key_in_header": []}, {"key_in_query": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "securitySchemes": {
                "key_in_header": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
                "key_in_query": {"type": "apiKey", "in": "query", "name": "code"},
                "operator_key": {"type": "apiKey", "in": "header", "name": OPERATOR_KEY_HEADER},
            },
        },
    }


class _Generator(GenerateJsonSchema):
    """Says that a request body may not have unknown fields, as `durable_agents.http.requests.read_model` has it."""

    def model_schema(self, schema: Any) -> dict[str, Any]:
        json_schema = super().model_schema(schema)
        if self.mode == "validation":
            json_schema.setdefault("additionalProperties", False)
        return json_schema


class _Schemas:
    """The schemas of all models, each defined once."""

    def __init__(self, contracts: Iterable[Contract]) -> None:
        used: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Problem, "serialization"): None}
        for contract in contracts:
            used |= {(body, "validation"): None for body in contract.bodies if isinstance(body, type)}
            told = [content for contents in contract.responses.values() for content in contents]
            used |= {(content, "serialization"): None for content in told if isinstance(content, type)}
        self._references, schema = models_json_schema(list(used), ref_template=_REFERENCE, schema_generator=_Generator)
        self.definitions: dict[str, Any] = schema.get("$defs", {})
        self.problem = {_PROBLEM_TYPE: {"schema": self._references[Problem, "serialization"]}}

    def content(self, contents: Sequence[Content], mode: JsonSchemaMode) -> dict[str, Any]:
        """Return the media types of a body, with their schemas."""
        media: dict[str, Any] = {}
        schemas = [self._references[content, mode] for content in contents if isinstance(content, type)]
        if schemas:
            media["application/json"] = {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}
        for content in contents:
            if isinstance(content, str):
                media[content] = {"schema": {"type": "string"}}
        return media


def _expand(route: HttpRoute) -> Iterator[tuple[HttpRoute, str, str, Contract]]:
    """Yield path, operation id and contract of each operation that the route stands for."""
    contracts = route.contracts() if callable(route.contracts) else route.contracts
    if isinstance(contracts, Contract):
        yield route, route.template, route.function, contracts
        return
    for value, contract in contracts.items():
        yield route, re.sub(r"\{\w+\}", value, route.template, count=1), f"{route.function}_{value}", contract


def _describe(
    route: HttpRoute,
    path: str,
    operation_id: str,
    contract: Contract,
    schemas: _Schemas,
    path_values: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    summary, _, rest = route.description.partition("\n")
    if not summary:
        raise ValueError(f"{route.function}() has no docstring. Its first line is the summary in the OpenAPI document.")
    operation: dict[str, Any] = {"operationId": operation_id, "tags": [path.partition("/")[0]], "summary": summary}
    if rest.strip():
        operation["description"] = inspect.cleandoc(rest)
    if route.is_anonymous:
        operation["security"] = []
    elif route.is_operators:
        # Beside the other key, where the deployment has one for operators.
        keys = ("key_in_header", "key_in_query")
        operation["security"] = [{key: [], "operator_key": []} for key in keys] + [{key: []} for key in keys]
    in_path = [_path_parameter(name, path_values) for name in _PARAMETER.findall(path)]
    parameters = in_path + [_parameter(parameter) for parameter in contract.parameters]
    if parameters:
        operation["parameters"] = parameters
    if contract.bodies:
        content = schemas.content(contract.bodies, "validation")
        operation["requestBody"] = {"required": contract.body_required, "content": content}
    operation["responses"] = _responses(
        contract, schemas, has_path_parameters="{" in route.template, is_anonymous=route.is_anonymous
    )
    return operation


def _path_parameter(name: str, path_values: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    schema: dict[str, Any]
    if name in path_values:
        schema = {"type": "string", "enum": list(path_values[name])}
    elif name in _PATH_PATTERNS:
        # Python's end of text is `$` where the document is read.
        schema = {"type": "string", "pattern": f"^{_PATH_PATTERNS[name].pattern}$".replace(r"\Z", "$")}
    else:
        # A route of the app's own.
        schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    # Hosts do not hand on a query parameter without a value, so it cannot be refused.
    empty = {"allowEmptyValue": True} if parameter.where == "query" else {}
    return {
        "name": parameter.name,
        "in": parameter.where,
        "description": parameter.description,
        "schema": TypeAdapter(parameter.type).json_schema(),
        **empty,
    }


def _responses(
    contract: Contract, schemas: _Schemas, *, has_path_parameters: bool, is_anonymous: bool
) -> dict[str, Any]:
    told = {status: schemas.content(contents, "serialization") for status, contents in contract.responses.items()}
    problems = {500, 503, *contract.problems}
    problems |= set() if is_anonymous else {403}
    problems |= {400, 413} if contract.bodies else set()
    problems |= {400} if contract.parameters else set()
    problems |= {404} if has_path_parameters else set()
    responses: dict[str, Any] = {}
    for status in sorted(told.keys() | problems):
        content = {**told.get(status, {}), **(schemas.problem if status in problems else {})}
        response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if content:
            response["content"] = content
        if status == HTTPStatus.ACCEPTED:
            response["headers"] = _ACCEPTED_HEADERS
        responses[str(status)] = response
    return responses


def _without_content(operation: dict[str, Any]) -> dict[str, Any]:
    """Return the operation as HEAD has it: the same headers, no bodies."""
    responses = {
        status: {name: value for name, value in response.items() if name != "content"}
        for status, response in operation["responses"].items()
    }
    return {**operation, "operationId": f"{operation['operationId']}_head", "responses": responses}
