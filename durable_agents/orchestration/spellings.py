"""Fields of JSON in their own names, where callers may also write them in camelCase."""

import dataclasses
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.alias_generators import to_camel


def in_own_spelling(value: Any, annotation: Any) -> Any:
    """Return the JSON with the fields of the models and dataclasses of this annotation under their own names.

    What stands there in both spellings is left so, and whoever reads it refuses it: one of them is not known.
    """
    if isinstance(value, list) and get_args(annotation):
        return [in_own_spelling(item, get_args(annotation)[0]) for item in value]
    if not isinstance(value, dict):
        return value
    fields = _fields_of(annotation)
    names = {to_camel(name): name for name in fields if to_camel(name) not in fields}
    written = {name: value[name] for name in value}
    for twin, name in names.items():
        if twin in written and name not in written:
            written = {name if key == twin else key: item for key, item in written.items()}
    return {key: in_own_spelling(item, fields[key]) if key in fields else item for key, item in written.items()}


def _fields_of(annotation: Any) -> dict[str, Any]:
    """Return the annotations of the fields, by name; of several models in one annotation those of none."""
    if get_origin(annotation) in (Union, UnionType):
        found = [fields for member in get_args(annotation) if (fields := _fields_of(member))]
        return found[0] if len(found) == 1 else {}
    if not isinstance(annotation, type) or get_args(annotation):
        return {}
    if issubclass(annotation, BaseModel):
        return {name: field.annotation for name, field in annotation.model_fields.items() if not field.validation_alias}
    return get_type_hints(annotation) if dataclasses.is_dataclass(annotation) else {}
