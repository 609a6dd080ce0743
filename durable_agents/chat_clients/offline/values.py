"""Find a value that a JSON schema admits: try for each of its parts what the conversation has.

This is no solver. It knows what output models and tools ordinarily ask for, and refuses the rest with its path.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain
from math import floor
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import UnknownType
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from durable_agents.chat_clients.offline.wording import FORMATS, Place, Wording

_BOUNDS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")


class SchemaNotMetError(ValueError):
    """No value was found for a schema; the message names the path of the field."""


class ValueFinder:
    """Finds the value for one schema. `fill_all` also fills what is not required, from examples and defaults first."""

    def __init__(self, schema: Mapping[str, Any], wording: Wording, fill_all: bool) -> None:
        # No reference is looked up on the network: the registry knows this schema only.
        registry = Registry().with_resource("", DRAFT202012.create_resource(schema))
        self._resolver = registry.resolver()
        self._validator = Draft202012Validator(schema, registry=registry)
        self._wording = wording
        self._fill_all = fill_all

    def find(self) -> Any:
        """Return a JSON value that meets the schema, or raise a `SchemaNotMetError`."""
        try:
            return self._find(self._validator.schema, Place(), ())
        except (re.error, UnknownType, Unresolvable) as error:
            raise SchemaNotMetError(f"The schema cannot be read: {error}.") from error

    def _find(self, schema: Any, place: Place, refs: tuple[str, ...]) -> Any:
        """Find a part. `refs` are the references being followed: meeting one again is endless recursion."""
        known = schema if isinstance(schema, Mapping) else {}
        default = known.get("default")
        suggested = [*known.get("examples", ()), *([default] if default and default is not True else ())]
        found = self._candidates(known, place, refs)
        validator = self._validator.evolve(schema=schema)
        for value in chain(suggested, found) if self._fill_all else chain(found, suggested):
            if validator.is_valid(value):
                return value
        raise SchemaNotMetError(f"{place.path or '(root)'}: nothing was found that meets {schema}.")

    def _candidates(self, schema: Mapping[str, Any], place: Place, refs: tuple[str, ...]) -> Iterator[Any]:
        match schema:
            case {"$ref": reference} if reference in refs:
                raise SchemaNotMetError(f"{place.path}: {reference!r} contains itself and cannot be left out.")
            case {"$ref": reference}:
                yield self._find(self._resolver.lookup(reference).contents, place, (*refs, reference))
            case {"const": value}:
                yield value
            case {"enum": options}:
                yield from self._wording.ranked(options, place)
            case {"anyOf": branches} | {"oneOf": branches}:
                for branch in sorted(branches, key=lambda branch: branch == {"type": "null"}):
                    with suppress(SchemaNotMetError):
                        yield self._find(branch, place, refs)
            case {"type": list(names)}:
                yield from self._candidates({"anyOf": [{**schema, "type": name} for name in names]}, place, refs)
            case {"type": "array"}:
                with suppress(*() if schema.get("minItems") else (SchemaNotMetError,)):
                    yield self._array(schema, place, refs)
                yield []
            case {"type": "object"} | {"properties": _}:
                yield self._object(schema, place, refs)
            case _:
                yield from self._scalars(schema, place)

    def _object(self, schema: Mapping[str, Any], place: Place, refs: tuple[str, ...]) -> dict[str, Any]:
        properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        entries = {f"key_{n + 1}": others for n in range(schema.get("minProperties", 0) - len(properties))}
        required, built = {*schema.get("required", ()), *entries}, {}
        for name, part in {**properties, **entries}.items():
            try:
                if name in required or self._fill_all:
                    inner = Place(f"{place.path}.{name}".lstrip("."), name, place.position)
                    built[name] = self._find(part, inner, refs)
            except SchemaNotMetError:
                if name in required:
                    raise
        return built

    def _array(self, schema: Mapping[str, Any], place: Place, refs: tuple[str, ...]) -> list[Any]:
        count = max(schema.get("minItems", 0), min(3 if self._fill_all else 1, schema.get("maxItems", 3)))
        items = [self._find(schema.get("items", True), Place(place.path, place.name, n), refs) for n in range(count)]
        return [item for n, item in enumerate(items) if not schema.get("uniqueItems") or item not in items[:n]]

    def _scalars(self, schema: Mapping[str, Any], place: Place) -> Iterator[Any]:
        match schema.get("type"):
            case "null":
                yield None
            case "boolean":
                yield self._wording.flag(place)
            case "integer" | "number" as kind:
                bounds = [schema[name] for name in _BOUNDS if name in schema]
                near = [bound + shift for bound in bounds for shift in (0, 1, -1)] + [sum(bounds) / 2]
                numbers = chain(self._wording.numbers(place), near)
                yield from map(floor, numbers) if kind == "integer" else numbers
            case _:
                shortest, pattern = schema.get("minLength", 0), schema.get("pattern", "")
                yield from self._wording.formatted(schema.get("format", ""), place)
                yield self._wording.text(place)[: schema.get("maxLength")].ljust(shortest, ".")
                if pattern:
                    yield from self._wording.words
                    yield from (*FORMATS.values(), *re.findall(r"[\w-]+", pattern), _spell(pattern, shortest))


def _spell(pattern: str, shortest: int) -> str:
    """Write out a plain pattern: one character of each class, as often as it must come; any other comes out wrong."""
    characters = re.sub(r"\[(.)[^\]]*\]", r"\1", pattern.replace(r"\d", "0").replace(r"\w", "a"))
    repeated = re.sub(r"(.)\{(\d{1,3})[^}]*\}", lambda found: found[1] * int(found[2]), characters)
    text = re.sub(r"\\[AZ]|[\\^$+*?]", "", repeated)
    return text.ljust(shortest, text[-1:] or "a")
