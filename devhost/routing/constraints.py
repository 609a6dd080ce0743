"""Inline constraints of route templates: the `int` and the `min(5)` of `{id:int:min(5)}`.

They accept what .NET's invariant culture accepts, because that decides on Azure: `int` has 32 bits, `bool` ignores
case, lengths count UTF-16 units, and `regex(...)` ignores case and may match anywhere in the value. Two of them are
approximations: `datetime` knows the spellings people put into URLs, not all that .NET guesses, and `regex` is Python's
dialect.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


class ConstraintError(ValueError):
    """A constraint that the router does not know, or one with unusable arguments."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint on a route value. Two of them are equal when they are written alike."""

    text: str
    accepts: Callable[[str], bool] = field(compare=False, repr=False)
    examples: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """Some values that `accepts` accepts; none for a regular expression."""


def parse_constraint(text: str) -> Constraint:
    """Read one constraint as written between the colons of a parameter, say `range(2,4)`.

    Raises:
        ConstraintError: It is unknown, or its arguments are missing, too many or unreadable.
    """
    name, arguments = text, None
    if "(" in text and text.endswith(")"):
        name, _, arguments = text[:-1].partition("(")
    key = name.lower()
    if key in _SIMPLE:
        if arguments is not None:
            raise ConstraintError(f"constraint {name!r} takes no arguments, {text!r} has some")
        accepts, examples = _SIMPLE[key]
        return Constraint(key, accepts, examples)
    if key == "regex":
        return _regex(text, arguments)
    if key in _BOUNDS:
        return _bounded(key, text, arguments)
    known = ", ".join(sorted([*_SIMPLE, *_BOUNDS, "regex"]))
    raise ConstraintError(f"constraint {text!r} is unknown; the router knows {known}")


def _regex(text: str, pattern: str | None) -> Constraint:
    if pattern is None:
        raise ConstraintError(f"constraint {text!r} needs a pattern, as in regex(^a+$)")
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
    except re.error as fault:
        raise ConstraintError(f"constraint {text!r} is not a regular expression Python can read: {fault}") from fault
    return Constraint(text, lambda value: compiled.search(value) is not None)


def _bounded(key: str, text: str, arguments: str | None) -> Constraint:
    """Read a constraint that compares a length or a whole number with one or two bounds."""
    counts, is_length = _BOUNDS[key]
    words = [] if arguments is None else [word.strip() for word in arguments.split(",")]
    bounds = [_whole_number(word) for word in words]
    if len(bounds) not in counts or None in bounds:
        raise ConstraintError(f"constraint {text!r} needs {' or '.join(map(str, counts))} whole numbers in parentheses")
    numbers = [bound for bound in bounds if bound is not None]
    if numbers != sorted(numbers) or (is_length and numbers[0] < 0):
        raise ConstraintError(f"constraint {text!r} can never hold: the bounds are out of order or negative")
    low = None if key in ("maxlength", "max") else numbers[0]
    high = None if key in ("minlength", "min") else numbers[-1]

    def accepts(value: str) -> bool:
        size = _utf16_length(value) if is_length else _whole_number(value)
        return size is not None and (low is None or size >= low) and (high is None or size <= high)

    examples = tuple(text for n in numbers for text in (("x" * n, "1" * n) if is_length else (str(n),)))
    return Constraint(text, accepts, examples)


def _utf16_length(value: str) -> int:
    return len(value.encode("utf-16-le", "surrogatepass")) // 2


_BLANK = "\t\n\v\f\r "
_INTEGER = re.compile(r"[+-]?0*[0-9]{1,19}")
_NUMBER = r"(?:[0-9][0-9,]*(?:\.[0-9]*)?|\.[0-9]+)"
_DECIMAL = re.compile(rf"[+-]?{_NUMBER}|{_NUMBER}[+-]")
_DECIMAL_LIMIT = Decimal("79228162514264337593543950335")
_DOUBLE = re.compile(rf"[+-]?{_NUMBER}(?:[eE][+-]?[0-9]+)?|[+-]?infinity|[+-]?nan", re.IGNORECASE)
_GUID_DASHED = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_GUID = re.compile(rf"[0-9a-f]{{32}}|{_GUID_DASHED}|\{{{_GUID_DASHED}\}}|\({_GUID_DASHED}\)", re.IGNORECASE)
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].+)?")
_DATE_FORMATS = ("%Y-%m", "%m-%d-%Y", "%H:%M", "%H:%M:%S", "%d %b %Y", "%b %d %Y", "%a, %d %b %Y %H:%M:%S GMT")


def _whole_number(value: str, bits: int = 64) -> int | None:
    """Return `value` as a signed whole number of that many bits, or None."""
    text = value.strip(_BLANK)
    number = int(text) if len(text) < 100 and _INTEGER.fullmatch(text) else None
    return number if number is not None and -(2 ** (bits - 1)) <= number < 2 ** (bits - 1) else None


def _is_int(value: str) -> bool:
    return _whole_number(value, bits=32) is not None


def _is_long(value: str) -> bool:
    return _whole_number(value) is not None


def _is_bool(value: str) -> bool:
    return value.strip(_BLANK).lower() in ("true", "false")


def _is_decimal(value: str) -> bool:
    text = value.strip(_BLANK)
    return _DECIMAL.fullmatch(text) is not None and Decimal(text.strip("+-").replace(",", "")) <= _DECIMAL_LIMIT


def _is_double(value: str) -> bool:
    return _DOUBLE.fullmatch(value.strip(_BLANK)) is not None


def _is_guid(value: str) -> bool:
    return _GUID.fullmatch(value.strip(_BLANK)) is not None


def _is_datetime(value: str) -> bool:
    text = value.strip(_BLANK)
    if _ISO_DATE.fullmatch(text):
        return _reads(datetime.fromisoformat, text)
    return any(_reads(datetime.strptime, text, form) for form in _DATE_FORMATS)


def _reads(parse: Callable[..., datetime], *arguments: str) -> bool:
    try:
        parse(*arguments)
    except ValueError:
        return False
    return True


def _is_alpha(value: str) -> bool:
    return value == "" or (value.isascii() and value.isalpha())


def _is_given(value: str) -> bool:
    return value != ""


_SIMPLE: dict[str, tuple[Callable[[str], bool], tuple[str, ...]]] = {
    "int": (_is_int, ("1", "-1")),
    "long": (_is_long, ("1", "-1")),
    "bool": (_is_bool, ("true", "false")),
    "decimal": (_is_decimal, ("1", "1.5")),
    "double": (_is_double, ("1", "1.5")),
    "float": (_is_double, ("1", "1.5")),
    "guid": (_is_guid, ("6f9619ff-8b86-d011-b42d-00cf4fc964ff",)),
    "datetime": (_is_datetime, ("2026-11-21",)),
    "alpha": (_is_alpha, ("x",)),
    "required": (_is_given, ("x", "1")),
}
_BOUNDS: dict[str, tuple[tuple[int, ...], bool]] = {
    "length": ((1, 2), True),
    "minlength": ((1,), True),
    "maxlength": ((1,), True),
    "min": ((1,), False),
    "max": ((1,), False),
    "range": ((2,), False),
}
