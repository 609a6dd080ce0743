"""Route templates of HTTP triggers, read and matched as the Functions host's own router does it.

    RouteTemplate.parse("api/item/{id:int}/{*rest}").match("/api/item/7/a/b")   # {"id": "7", "rest": "a/b"}

A template is a row of segments. They are matched one by one and none is tried twice, so a match takes time in
proportion to the length of the path; a `regex(...)` constraint takes what its author made it take.
"""

import re
from dataclasses import dataclass

from devhost.routing.constraints import ConstraintError, parse_constraint
from devhost.routing.segments import Literal, Mixed, Parameter, Segment, parameters_of


class RouteTemplateError(ValueError):
    """A route template that the Functions host refuses to serve."""


@dataclass(frozen=True, slots=True)
class RouteTemplate:
    """A route template, the prefix of host.json included, ready to match."""

    text: str
    segments: tuple[Segment, ...]

    @classmethod
    def parse(cls, text: str) -> "RouteTemplate":
        """Read a template; one slash, or `~/`, at its very start is not part of it.

        Raises:
            RouteTemplateError: The Functions host would refuse it; the message names the template and the fault.
        """
        return cls(text, _Reader(text).segments())

    @property
    def catch_all(self) -> Parameter | None:
        """The parameter that takes the rest of the path, if the template ends with one."""
        last = self.segments[-1] if self.segments else None
        return last if isinstance(last, Parameter) and last.catch_all else None

    def match(self, path: str) -> dict[str, str | None] | None:
        """Return the route values of a decoded path, or None when the path or a constraint does not match.

        An optional parameter that the path leaves out is absent from the values; a catch-all without a value is None.
        A slash at the end of the path does not count, except as part of a catch-all's value; an empty piece (`//`)
        matches nothing, except within a catch-all's value.
        """
        values = self._values(path)
        if values is None:
            return None
        for segment in self.segments:
            for parameter in parameters_of(segment):
                if parameter.name in values and not parameter.accepts(values[parameter.name]):
                    return None
        return values

    def _values(self, path: str) -> dict[str, str | None] | None:
        rest = path.removeprefix("/")
        pieces = rest.removesuffix("/").split("/") if rest else []
        if len(pieces) > len(self.segments) and not self.catch_all:
            return None
        values: dict[str, str | None] = {}
        for index, segment in enumerate(self.segments):
            if index >= len(pieces):
                if not isinstance(segment, Parameter) or not segment.may_be_missing:
                    return None
                if segment.catch_all or segment.default is not None:
                    values[segment.name] = segment.default
                continue
            found = segment.match(pieces[index]) if pieces[index] else None
            if found is None:
                return None
            values.update(found)
            if isinstance(segment, Parameter) and segment.catch_all:
                values[segment.name] = rest.split("/", index)[index]
        return values


_TOKEN = re.compile(
    r"(?P<slash>/)"
    r"|(?P<literal>(?:[^{}/]|\{\{|\}\})++)"
    r"|\{(?P<parameter>(?:[^{}]|\{\{|\}\})*+)\}"
)
_CONSTRAINT = re.compile(r":((?:[^:=(]*\(.*?\)(?=[:=]|\Z))|[^:=]*)", re.DOTALL)
_NAME = re.compile(r".[^:=]*", re.DOTALL)


class _Reader:
    """Reads one template; holds the parameter names seen so far."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._names: set[str] = set()

    def segments(self) -> tuple[Segment, ...]:
        text = re.sub(r"\A~?/", "", self._text)
        segments: list[Segment] = []
        parts: list[Literal | Parameter] = []
        position = 0
        while position < len(text):
            token = _TOKEN.match(text, position)
            if token is None:
                raise self._refusal("its braces do not match; a brace that is meant as text is written twice")
            position = token.end()
            if token["slash"]:
                segments.append(self._segment(parts))
                parts = []
            elif token["literal"]:
                parts.append(self._literal(_unescape(token["literal"])))
            else:
                parts.append(self._parameter(_unescape(token["parameter"])))
        if parts:
            segments.append(self._segment(parts))
        if any(parameter.catch_all for segment in segments[:-1] for parameter in parameters_of(segment)):
            raise self._refusal("only its last segment can be a catch-all")
        return tuple(segments)

    def _segment(self, parts: list[Literal | Parameter]) -> Segment:
        """Check and build one segment."""
        if not parts:
            raise self._refusal("it has an empty segment: two slashes side by side, or a route that starts with one")
        if len(parts) == 1:
            return parts[0]
        for before, part in zip([None, *parts], parts, strict=False):
            if not isinstance(part, Parameter):
                continue
            if part.catch_all:
                raise self._refusal(f"catch-all {part.name!r} must be a segment of its own")
            if isinstance(before, Parameter):
                raise self._refusal(f"parameters {before.name!r} and {part.name!r} need a text between them")
            if part.optional and (part is not parts[-1] or before != Literal(".")):
                raise self._refusal(f"optional parameter {part.name!r} must end its segment, behind a lone dot")
        return Mixed(tuple(parts))

    def _literal(self, text: str) -> Literal:
        if "?" in text:
            raise self._refusal(f"the text {text!r} must not contain a question mark")
        return Literal(text)

    def _parameter(self, inside: str) -> Parameter:
        """Read what stands between two braces: `*name:constraint:constraint=default?`."""
        body = re.sub(r"\A\*\*?", "", inside)
        catch_all, optional = body != inside, body.endswith("?")
        body = body.removesuffix("?")
        named = _NAME.match(body)
        name = named[0] if named else ""
        if not name or re.search(r"[/{}?*]", name):
            raise self._refusal(f"{name!r} is not a parameter name: it must not be empty or contain / {{ }} ? *")
        if name.lower() in self._names:
            raise self._refusal(f"it names parameter {name!r} more than once")
        self._names.add(name.lower())
        texts: list[str] = []
        position = len(name)
        while found := _CONSTRAINT.match(body, position):
            texts.append(found[1])
            position = found.end()
        default = body[position + 1 :] if body[position:].startswith("=") else None
        if optional and (catch_all or default is not None):
            rival = "be a catch-all" if catch_all else "have a default"
            raise self._refusal(f"parameter {name!r} cannot be optional and {rival}")
        try:
            constraints = tuple(parse_constraint(text) for text in texts if text)
        except ConstraintError as fault:
            raise self._refusal(str(fault)) from fault
        return Parameter(name, constraints, default, optional, catch_all)

    def _refusal(self, fault: str) -> RouteTemplateError:
        return RouteTemplateError(f"Route template {self._text!r} cannot be served: {fault}.")


def _unescape(text: str) -> str:
    return text.replace("}}", "}").replace("{{", "{")
