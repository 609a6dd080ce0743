"""Finds functions that take requests away from other functions, to warn about them when the host starts.

The Functions host gives a request to the first route that matches it, in the order of the function names. So
`item/{id}` of function `A` hides `item/special` of function `B`, and renaming a function can change which one answers.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from devhost.routing.router import Route
from devhost.routing.segments import Literal, Mixed, Parameter, Segment, parameters_of
from devhost.routing.template import RouteTemplate


@dataclass(frozen=True, slots=True)
class HiddenRoute:
    """Function `hidden` does not get requests like `example`, because function `by` comes first and takes them.

    `example` is a method and a decoded path: `GET /api/item/special`. `entirely` says that no request at all is left.
    """

    hidden: str
    by: str
    example: str
    entirely: bool


def hidden_routes(routes: Sequence[Route]) -> list[HiddenRoute]:
    """Return the pairs of routes that match one request, given the routes in the order in which they are tried.

    Every pair returned is true: both templates match its example. A pair can be missed: overlaps are looked for with
    the literals of the two templates, their defaults and a few values for each constraint, which may not do for a
    `regex(...)`, for constraints that seldom meet, or for two mixed segments. `entirely` is said only where it follows
    from the two templates alone: not when a regular expression happens to match everything, and not when several
    functions take all requests between them.
    """
    found = []
    for first, later in combinations(routes, 2):
        method = _common_method(first, later)
        path = _common_path(first.template, later.template) if method else None
        if path is not None:
            entirely = _takes_all_methods(first, later) and _covers(first.template, later.template)
            found.append(HiddenRoute(later.function_name, first.function_name, f"{method} {path}", entirely))
    return found


def _common_method(first: Route, later: Route) -> str | None:
    if first.methods is None and later.methods is None:
        return "GET"
    either = first.methods if first.methods is not None else later.methods or ()
    return next((method for method in sorted(either) if first.takes(method) and later.takes(method)), None)


def _takes_all_methods(first: Route, later: Route) -> bool:
    return first.methods is None or (later.methods is not None and later.methods <= first.methods)


def _common_path(first: RouteTemplate, later: RouteTemplate) -> str | None:
    """Return a path that both templates match, or None when none was found."""
    shortest = max(_shortest(first), _shortest(later))
    longest = max(len(first.segments), len(later.segments))
    for length in range(shortest, longest + 1):
        pieces = [_common_piece(_segment_at(first, index), _segment_at(later, index)) for index in range(length)]
        path = "/" + "/".join(piece for piece in pieces if piece)
        if all(pieces) and first.match(path) is not None and later.match(path) is not None:
            return path
    return None


def _shortest(template: RouteTemplate) -> int:
    """Return the number of segments a path must have at least."""
    return max((index for index, segment in enumerate(template.segments, 1) if not _may_be_missing(segment)), default=0)


def _may_be_missing(segment: Segment) -> bool:
    return isinstance(segment, Parameter) and segment.may_be_missing


def _segment_at(template: RouteTemplate, index: int) -> Segment | None:
    """Return the segment that piece `index` of a path meets: a catch-all meets all pieces from its place on."""
    return template.segments[index] if index < len(template.segments) else template.catch_all


def _common_piece(first: Segment | None, later: Segment | None) -> str | None:
    if first is None or later is None:
        return None
    return next((piece for piece in _samples(first, later) if _accepts(first, piece) and _accepts(later, piece)), None)


def _accepts(segment: Segment, piece: str) -> bool:
    values = segment.match(piece) if piece else None
    return values is not None and all(
        parameter.accepts(values[parameter.name]) for parameter in parameters_of(segment) if parameter.name in values
    )


def _samples(first: Segment, later: Segment) -> Iterator[str]:
    """Return texts worth trying for a piece that both segments should accept, the telling ones first."""
    segments = (first, later)
    yield from (segment.text for segment in segments if isinstance(segment, Literal))
    words = list(_sample_values(parameter for segment in segments for parameter in parameters_of(segment)))
    for segment in segments:
        if isinstance(segment, Mixed):
            yield from (_fill(segment, word) for word in words)
    yield from words


def _fill(segment: Mixed, word: str) -> str:
    return "".join(part.text if isinstance(part, Literal) else word for part in segment.parts)


def _sample_values(parameters: Iterable[Parameter]) -> Iterator[str]:
    for parameter in parameters:
        if parameter.default:
            yield parameter.default
        for constraint in parameter.constraints:
            yield from constraint.examples
    yield from ("x", "1")


def _covers(first: RouteTemplate, later: RouteTemplate) -> bool:
    """Tell whether `first` certainly matches every path that `later` matches."""
    if _shortest(first) > _shortest(later) or (later.catch_all and not first.catch_all):
        return False
    if first.catch_all and first.catch_all.constraints:
        return False
    return all(_segment_covers(_segment_at(first, index), segment) for index, segment in enumerate(later.segments))


def _segment_covers(first: Segment | None, later: Segment) -> bool:
    if first is None:
        return False
    if isinstance(later, Literal):
        return _accepts(first, later.text)
    if isinstance(first, Parameter):
        later_constraints = later.constraints if isinstance(later, Parameter) else ()
        return set(first.constraints) <= set(later_constraints)
    return first == later
