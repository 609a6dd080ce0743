"""Build a value that satisfies a JSON schema, in the dialect pydantic writes.

`build_value` walks the schema and asks a `ValueSource` for what goes into it. Supported are nested objects and `$ref`,
enums and constants, unions, arrays, maps, bounds on numbers, lengths, patterns and formats. A schema that no finite
value meets, or that uses another keyword, is refused with the path of the field in question.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Protocol

from durable_agents.chat_clients.offline_pattern import sample_pattern

Schema = Mapping[str, Any]

_TYPE_NAMES = "null, boolean, integer, number, string, array and object"
_USUAL_ITEMS = 3


class SchemaNotMetError(ValueError):
    """No value could be built for a schema; the message begins with the path of the field."""


@dataclass(frozen=True, slots=True)
class Field:
    """The place a value is for: property names from the root, the names beside it, its position in the nearest list."""

    path: tuple[str, ...] = ()
    siblings: tuple[str, ...] = ()
    index: int = 0

    @property
    def name(self) -> str:
        """The innermost property name; empty at the root."""
        return self.path[-1] if self.path else ""

    def __str__(self) -> str:
        return ".".join(self.path) or "(root)"


class ValueSource(Protocol):
    """What to fill a schema with. Each method must be a pure function of its arguments."""

    def text(self, field: Field) -> str:
        """Return free text of any length."""

    def words(self) -> Sequence[str]:
        """Return words that may be taken over where a pattern or a format restricts the text."""

    def formatted(self, format_name: str, field: Field) -> str | None:
        """Return text in a JSON schema format such as `date`, or None when any text will do."""

    def number(self, field: Field) -> float | None:
        """Return a number that fits the field's meaning, or None; it is used only when the bounds admit it."""

    def flag(self, field: Field) -> bool:
        """Return the answer to a yes-or-no field."""

    def ranked(self, options: Sequence[Any], field: Field) -> Sequence[Any]:
        """Return the options of an enum, the most fitting first."""


def build_value(schema: Schema, source: ValueSource, *, optional: bool = True) -> Any:
    """Return a JSON value that satisfies `schema`; properties that are not required are filled if `optional`.

    Raises:
        SchemaNotMetError: The schema admits no finite value, or needs something this module does not know.
    """
    return _Builder(schema, source, optional).build(schema, Field(), ())


class _Builder:
    """One walk over one schema. `refs` are the references being resolved: meeting one again is endless recursion."""

    def __init__(self, root: Schema, source: ValueSource, optional: bool) -> None:
        self._root = root
        self._source = source
        self._optional = optional

    def build(self, schema: Schema | bool, field: Field, refs: tuple[str, ...]) -> Any:
        if isinstance(schema, bool):
            return self._boolean_schema(schema, field)
        if "$ref" in schema:
            return self._reference(schema["$ref"], field, refs)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            ranked = self._source.ranked(schema["enum"], field)
            return ranked[field.index % len(ranked)]
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return self._union(schema[keyword], field, refs)
        if isinstance(schema.get("type"), list):
            return self._union([{**schema, "type": name} for name in schema["type"]], field, refs)
        return self._typed(schema, field, refs)

    def _boolean_schema(self, schema: bool, field: Field) -> str:
        """Fill `true`, which admits anything, with text; `false` admits nothing."""
        if not schema:
            raise SchemaNotMetError(f"{field}: the schema 'false' admits no value.")
        return self._source.text(field)

    def _typed(self, schema: Schema, field: Field, refs: tuple[str, ...]) -> Any:
        for keyword in ("allOf", "not", "if"):
            if keyword in schema:
                raise SchemaNotMetError(f"{field}: the keyword {keyword!r} is not supported.")
        match schema.get("type", "object" if "properties" in schema else "string"):
            case "null":
                return None
            case "boolean":
                return self._source.flag(field)
            case "integer":
                return int(_fit_number(schema, self._source.number(field), field, Decimal(1)))
            case "number":
                return float(_fit_number(schema, self._source.number(field), field, None))
            case "string":
                return self._string(schema, field)
            case "array":
                return self._array(schema, field, refs)
            case "object":
                return self._object(schema, field, refs)
            case unknown:
                raise SchemaNotMetError(f"{field}: unknown type {unknown!r}. Expected {_TYPE_NAMES}.")

    def _reference(self, reference: str, field: Field, refs: tuple[str, ...]) -> Any:
        if reference in refs:
            raise SchemaNotMetError(f"{field}: {reference!r} contains itself and cannot be left out.")
        target: Any = self._root
        for part in reference.removeprefix("#").strip("/").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(target, Mapping) or key not in target:
                raise SchemaNotMetError(f"{field}: the reference {reference!r} points to nothing in the schema.")
            target = target[key]
        return self.build(target, field, (*refs, reference))

    def _union(self, branches: Iterable[Schema], field: Field, refs: tuple[str, ...]) -> Any:
        """Build the first branch that can be built; null only when nothing else can."""
        problem: SchemaNotMetError | None = None
        for branch in sorted(branches, key=lambda branch: branch.get("type") == "null"):
            try:
                return self.build(branch, field, refs)
            except SchemaNotMetError as error:
                problem = problem or error
        raise problem or SchemaNotMetError(f"{field}: a union without members.")

    def _object(self, schema: Schema, field: Field, refs: tuple[str, ...]) -> dict[str, Any]:
        properties: Schema = schema.get("properties", {})
        required = schema.get("required", ())
        built: dict[str, Any] = {}
        for name, subschema in properties.items():
            if name not in required and not self._optional:
                continue
            try:
                place = Field((*field.path, name), tuple(properties), field.index)
                built[name] = self.build(subschema, place, refs)
            except SchemaNotMetError:
                if name in required:
                    raise
        return built | self._map_entries(schema, field, refs, taken=len(built))

    def _map_entries(self, schema: Schema, field: Field, refs: tuple[str, ...], taken: int) -> dict[str, Any]:
        """Return entries with names of their own, as many as `minProperties` asks for."""
        missing = int(schema.get("minProperties", 0)) - taken
        names, values = schema.get("propertyNames", {}), schema.get("additionalProperties", {})
        for pattern, subschema in schema.get("patternProperties", {}).items():
            names, values = {"pattern": pattern}, subschema
        entries: dict[str, Any] = {}
        for index in range(missing):
            place = Field((*field.path, f"key_{index + 1}"), index=index)
            key = str(self.build({"type": "string", **names}, place, refs)) if names else place.name
            entries[key] = self.build(values, place, refs)
        if len(entries) < missing:
            raise SchemaNotMetError(f"{field}: {missing} different keys are needed, {len(entries)} could be built.")
        return entries

    def _array(self, schema: Schema, field: Field, refs: tuple[str, ...]) -> list[Any]:
        head = schema.get("prefixItems", ())
        items = schema.get("items", {})
        fewest = int(schema.get("minItems", 0))
        usual = max(_USUAL_ITEMS if self._optional else 1, fewest, len(head))
        wanted = len(head) if items is False else min(usual, int(schema.get("maxItems", usual)))
        built: list[Any] = []
        unique = schema.get("uniqueItems", False)
        for index in range(wanted * 4 if unique else wanted):  # a source may repeat itself, so a set needs more tries
            place = Field(field.path, field.siblings, index)
            try:
                item = self.build(head[index] if index < len(head) else items, place, refs)
            except SchemaNotMetError:
                if len(built) >= fewest:
                    break
                raise
            if not (unique and item in built):
                built.append(item)
            if len(built) == wanted:
                break
        if len(built) < fewest:
            raise SchemaNotMetError(f"{field}: {fewest} different items are needed, {len(built)} could be built.")
        return built

    def _string(self, schema: Schema, field: Field) -> str:
        shortest, longest = int(schema.get("minLength", 0)), schema.get("maxLength")
        if longest is not None and longest < shortest:
            raise SchemaNotMetError(f"{field}: minLength {shortest} is above maxLength {longest}.")
        if "pattern" in schema:
            return self._matching(schema["pattern"], shortest, longest, field)
        formatted = self._source.formatted(schema["format"], field) if "format" in schema else None
        if formatted is not None:
            return formatted
        text = self._source.text(field)[:longest]
        return text + "." * (shortest - len(text))

    def _matching(self, pattern: str, shortest: int, longest: int | None, field: Field) -> str:
        try:
            expression = re.compile(pattern)
        except re.error as error:
            raise SchemaNotMetError(
                f"{field}: the pattern {pattern!r} is not a regular expression: {error}."
            ) from error
        for text in (self._source.text(field), *self._source.words(), *sample_pattern(pattern, shortest)):
            if shortest <= len(text) <= (len(text) if longest is None else longest) and expression.search(text):
                return text
        raise SchemaNotMetError(f"{field}: no text was found for the pattern {pattern!r} and its length limits.")


def _fit_number(schema: Schema, wish: float | None, field: Field, step: Decimal | None) -> Decimal:
    """Return `wish` if the bounds admit it, else an admitted number near a bound; whole multiples of `step`."""
    step = Decimal(str(schema["multipleOf"])) if "multipleOf" in schema else step
    low, high = _bound(schema, "minimum", "exclusiveMinimum"), _bound(schema, "maximum", "exclusiveMaximum")
    candidates = [] if wish is None else [Decimal(str(wish))]
    candidates += [Decimal(1), Decimal(0)]
    candidates += [bound + shift for bound in (low, high) if bound is not None for shift in (0, 1, -1)]
    if low is not None and high is not None:
        candidates.append((low + high) / 2)
    for candidate in _on_steps(candidates, step):
        if _admits(schema, candidate):
            return candidate
    raise SchemaNotMetError(f"{field}: no number was found within the bounds.")


def _bound(schema: Schema, *names: str) -> Decimal | None:
    return next((Decimal(str(schema[name])) for name in names if name in schema), None)


def _on_steps(candidates: Iterable[Decimal], step: Decimal | None) -> Iterator[Decimal]:
    for candidate in candidates:
        if step is None:
            yield candidate
        else:
            for rounding in (ROUND_CEILING, ROUND_FLOOR):
                nearest = (candidate / step).to_integral_value(rounding) * step
                yield from (nearest, nearest + step, nearest - step)


def _admits(schema: Schema, number: Decimal) -> bool:
    low, above = _bound(schema, "minimum"), _bound(schema, "exclusiveMinimum")
    high, below = _bound(schema, "maximum"), _bound(schema, "exclusiveMaximum")
    return (
        (low is None or number >= low)
        and (above is None or number > above)
        and (high is None or number <= high)
        and (below is None or number < below)
    )
