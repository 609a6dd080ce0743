"""HTTP routing of the Functions host: which function answers a request, with which route values.

The host tries the routes one after the other, in the order of the function names, and the first that matches answers. A
literal has no precedence over a parameter, and the method is part of the match, so a wrong method is "not found", never
"method not allowed".
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from devhost.routing.template import RouteTemplate


@dataclass(frozen=True, slots=True)
class Route:
    """The route of one function; `methods` in upper case, None for all of them."""

    function_name: str
    template: RouteTemplate
    methods: frozenset[str] | None

    @classmethod
    def of_function(cls, name: str, route: str | None, methods: Iterable[str] | None, prefix: str) -> "Route":
        """Make the route of a function as its trigger declares it; without a `route`, the function's name is its route.

        `prefix` is the routePrefix of host.json and may be empty.

        Raises:
            RouteTemplateError: The Functions host would refuse the template.
        """
        text = route or name
        template = RouteTemplate.parse(f"{prefix}/{text}" if prefix else text)
        return cls(name, template, None if methods is None else frozenset(method.upper() for method in methods))

    def takes(self, method: str) -> bool:
        """Tell whether the function is open to an HTTP method."""
        return self.methods is None or method.upper() in self.methods


@dataclass(frozen=True, slots=True)
class Match:
    """The function that answers a request, and its route values (see `RouteTemplate.match`)."""

    function_name: str
    values: dict[str, str | None]


class Router:
    """Finds the function that answers a request. Routes are tried in the order given: see `in_host_order`."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = tuple(routes)

    def match(self, method: str, raw_path: str) -> Match | None:
        """Return the first route that takes the method and matches the path, or None.

        `raw_path` is the path as it came over the wire: percent-encoded, without query.
        """
        return self.match_decoded(method, decode_path(raw_path))

    def match_decoded(self, method: str, path: str) -> Match | None:
        """Return the first route that takes the method and matches a path as `decode_path` gives it, or None."""
        for route in self._routes:
            if route.takes(method):
                values = route.template.match(path)
                if values is not None:
                    return Match(route.function_name, values)
        return None


def in_host_order(routes: Iterable[Route]) -> list[Route]:
    """Sort routes the way the Functions host tries them: by function name, ignoring case."""
    return sorted(routes, key=lambda route: route.function_name.upper())


def decode_path(raw_path: str) -> str:
    """Return a path as the router sees it: percent-decoded but for `%2F`, then without `.` and `..`.

    What is not UTF-8 stays encoded.
    """
    path = _ENCODED_RUN.sub(lambda run: _decode_run(run[0]), raw_path)
    return _resolve_dots(path) if "/." in path else path


_ENCODED_RUN = re.compile(r"(?:%(?!2[Ff])[0-9A-Fa-f]{2})+")


def _decode_run(run: str) -> str:
    text = bytes.fromhex(run.replace("%", "")).decode("utf-8", "surrogateescape")
    return re.sub("[\udc80-\udcff]", lambda stray: f"%{ord(stray[0]) - 0xDC00:02X}", text)


def _resolve_dots(path: str) -> str:
    pieces = path.removeprefix("/").split("/")
    kept: list[str] = []
    for piece in pieces:
        if piece == "..":
            del kept[-1:]
        elif piece != ".":
            kept.append(piece)
    if pieces[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
