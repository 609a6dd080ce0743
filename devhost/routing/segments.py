"""The segments of a route template, each matched against one piece of a path (what stands between two slashes)."""

from dataclasses import dataclass

from devhost.routing.constraints import Constraint


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that a path must have at this place, in upper or lower case."""

    text: str

    def match(self, piece: str) -> dict[str, str] | None:
        """Return no values, or None when `piece` is another text."""
        return {} if _fold(piece) == _fold(self.text) else None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named value. A path may leave it out when it is optional, has a default or is a catch-all."""

    name: str
    constraints: tuple[Constraint, ...] = ()
    default: str | None = None
    optional: bool = False
    catch_all: bool = False

    @property
    def may_be_missing(self) -> bool:
        """Whether a path can end before this parameter: not if what it then stands for breaks its own constraints."""
        has_value = self.catch_all or self.default is not None
        return self.optional or (has_value and self.accepts(self.default))

    def match(self, piece: str) -> dict[str, str] | None:
        """Return the whole piece as the value. `accepts` is asked later, when the whole path has matched."""
        return {self.name: piece}

    def accepts(self, value: str | None) -> bool:
        """Tell whether a value satisfies all constraints; the None of an empty catch-all satisfies none."""
        return all(value is not None and constraint.accepts(value) for constraint in self.constraints)


@dataclass(frozen=True, slots=True)
class Mixed:
    """Literals and parameters in one segment, never two parameters side by side.

    Only the last parameter can be optional, and only behind a lone dot: `{name}.{ext?}`.
    """

    parts: tuple[Literal | Parameter, ...]

    def match(self, piece: str) -> dict[str, str] | None:
        """Return the values of the parameters, each at least one character long, or None."""
        values = _match_parts(self.parts, piece)
        last = self.parts[-1]
        if values is None and isinstance(last, Parameter) and last.optional and not piece.endswith("."):
            return _match_parts(self.parts[:-2], piece)
        return values


Segment = Literal | Parameter | Mixed


def parameters_of(segment: Segment) -> tuple[Parameter, ...]:
    """Return the parameters of a segment, from left to right."""
    parts = segment.parts if isinstance(segment, Mixed) else (segment,)
    return tuple(part for part in parts if isinstance(part, Parameter))


def _match_parts(parts: tuple[Literal | Parameter, ...], piece: str) -> dict[str, str] | None:
    """Match from right to left, each literal at its last occurrence, as the Functions host does.

    A literal once placed is not moved again: `v{n}` matches `v2` but not `vv2`.
    """
    folded = _fold(piece)
    values: dict[str, str] = {}
    end = len(piece)
    waiting: Parameter | None = None
    for part in reversed(parts):
        if isinstance(part, Parameter):
            waiting = part
            continue
        start = folded.rfind(_fold(part.text), 0, max(end - 1, 0) if waiting else end)
        stop = start + len(part.text)
        if start < 0 or (waiting is None and stop != end):
            return None
        if waiting:
            values[waiting.name] = piece[stop:end]
        waiting, end = None, start
    if waiting is None:
        return values if end == 0 and parts else None
    values[waiting.name] = piece[:end]
    return values if end > 0 else None


def _fold(text: str) -> str:
    """Return `text` in upper case, letter by letter so that positions stay: .NET's way of ignoring case."""
    if text.isascii():
        return text.upper()
    return "".join(upper if len(upper := letter.upper()) == 1 else letter for letter in text)
