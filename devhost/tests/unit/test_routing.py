"""The router gives the answers recorded from the Functions host's own router."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devhost.routing.overlaps import HiddenRoute, hidden_routes
from devhost.routing.router import Match, Route, Router, decode_path, in_host_order
from devhost.routing.template import RouteTemplate, RouteTemplateError

TABLES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "conformance" / "recordings" / "routes.json").read_text(encoding="utf-8")
)


def recorded_requests() -> Iterator[object]:
    for table in TABLES:
        for method, path, answer in table["requests"]:
            yield pytest.param(table, method, path, answer, id=f"{table['about']}: {method} {path}")


def served_routes(table: dict[str, Any]) -> tuple[list[Route], list[str]]:
    """Return the routes of a recorded table, in the order given there, and the functions whose template is refused."""
    routes, refused = [], []
    for name, route, methods in table["functions"]:
        try:
            routes.append(Route.of_function(name, route, methods, table["prefix"]))
        except RouteTemplateError:
            refused.append(name)
    return routes, refused


@pytest.mark.parametrize(("table", "method", "path", "answer"), list(recorded_requests()))
def test_request_is_answered_as_recorded(table: dict[str, Any], method: str, path: str, answer: object) -> None:
    routes, _ = served_routes(table)
    match = Router(routes).match(method, path)
    assert (404 if match is None else [match.function_name, match.values]) == answer


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table["about"]))
def test_templates_are_refused_as_recorded(table: dict[str, Any]) -> None:
    assert served_routes(table)[1] == table["refused"]


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("api/{a}/{A}", "names parameter 'A' more than once"),
        ("api/{*rest}/y", "only its last segment can be a catch-all"),
        ("api/a-{*rest}", "catch-all 'rest' must be a segment of its own"),
        ("api/{*rest?}", "'rest' cannot be optional and be a catch-all"),
        ("api/{a=1?}", "'a' cannot be optional and have a default"),
        ("api/{a}{b}", "parameters 'a' and 'b' need a text between them"),
        ("api/{a}-{b?}", "optional parameter 'b' must end its segment, behind a lone dot"),
        ("api/{a?}.x", "optional parameter 'a' must end its segment, behind a lone dot"),
        ("api/{}", "'' is not a parameter name"),
        ("api/{a/b}", "'a/b' is not a parameter name"),
        ("api/{a", "its braces do not match"),
        ("api/a}", "its braces do not match"),
        ("api/a//b", "an empty segment"),
        ("api/a?b", "'a?b' must not contain a question mark"),
        ("api/{id:integer}", "constraint 'integer' is unknown; the router knows alpha, bool"),
        ("api/{id:range(2}", "constraint 'range(2' is unknown"),
        ("api/{id:int(2)}", "constraint 'int' takes no arguments"),
        ("api/{id:min}", "constraint 'min' needs 1 whole number"),
        ("api/{id:min(two)}", "constraint 'min(two)' needs 1 whole number"),
        ("api/{id:length(1,2,3)}", "constraint 'length(1,2,3)' needs 1 or 2 whole numbers"),
        ("api/{id:range(4,2)}", "constraint 'range(4,2)' can never hold"),
        ("api/{id:regex}", "constraint 'regex' needs a pattern"),
        ("api/{id:regex([)}", "constraint 'regex([)' is not a regular expression"),
    ],
)
def test_refusal_names_template_and_fault(template: str, fault: str) -> None:
    with pytest.raises(RouteTemplateError) as refusal:
        RouteTemplate.parse(template)
    assert repr(template) in str(refusal.value)
    assert fault in str(refusal.value)


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("a/{b?}/c", "/a/1/c", {"b": "1"}),
        ("a/{b?}/c", "/a/c", None),
        ("a/{id:int?}", "/a", {}),
        ("a/{id:int?}", "/a/x", None),
        ("a/{id:int=7}", "/a", {"id": "7"}),
        ("a/{id:int=x}", "/a", None),
        ("a/{*rest}", "/a/b//c/", {"rest": "b//c/"}),
        ("a/{*rest}", "/a//b", None),
        ("a/{*rest:minlength(2)}", "/a", None),
        ("a/{*rest=top}", "/a", {"rest": "top"}),
        ("{a}/", "/x/", {"a": "x"}),
        ("{a}", "/x//", None),
        ("v{n}", "/v2", {"n": "2"}),
        ("v{n}", "/vv2", None),
        ("{a}-{b}", "/1-2-3", {"a": "1-2", "b": "3"}),
        ("{a}-{b}", "/1-", None),
        ("{name}.{ext?}", "/readme.", None),
        ("{name}.{ext?}", "/a.tar.gz", {"name": "a.tar", "ext": "gz"}),
        ("x{a}.{ext?}", "/Xy", {"a": "y"}),
        ("{{{a}", "/{1", {"a": "1"}),
        ("{p:regex(^[a:=)]$)=x}", "/=", {"p": "="}),
        ("É/{a}", "/é/ß", {"a": "ß"}),
        ("", "/", {}),
        ("", "/x", None),
    ],
)
def test_template_matches_as_the_host_reads_it(template: str, path: str, values: dict[str, str] | None) -> None:
    assert RouteTemplate.parse(template).match(path) == values


@pytest.mark.parametrize(
    ("constraint", "accepted", "rejected"),
    [
        ("int", ["2147483647", "+1", " 1 ", "0" * 50 + "1"], ["2147483648", "1.0", "\u0661", "1" * 5000]),
        ("long", ["-9223372036854775808"], ["9223372036854775808"]),
        ("bool", ["TRUE", " false "], ["yes"]),
        ("decimal", ["1,000.5", ".5", "5-", "-5"], ["1e3", "-5-", "79228162514264337593543950336"]),
        ("double", ["-1.5E+3", "NaN", "-Infinity"], ["1e", "."]),
        ("guid", ["6F9619FF8B86D011B42D00CF4FC964FF", "{6f9619ff-8b86-d011-b42d-00cf4fc964ff}"], ["6f9619ff-8b86"]),
        (
            "datetime",
            ["2026-11-21T09:16:05Z", "2026-11-21 09:16", "11-21-2026", "21 Nov 2026"],
            ["2026-13-01", "20261121"],
        ),
        ("alpha", ["Abc"], ["é", "a-b"]),
        ("length(2)", ["ab", "😀"], ["abc", "a"]),
        ("min(-5)", ["-5", "0"], ["-6", "x"]),
        ("regex(b)", ["aBc"], ["xyz"]),
        ("INT", ["1"], ["x"]),
    ],
)
def test_constraint_accepts_what_dotnet_accepts(constraint: str, accepted: list[str], rejected: list[str]) -> None:
    template = RouteTemplate.parse(f"{{value:{constraint}}}")
    assert [text for text in accepted if template.match(f"/{text}") is None] == []
    assert [text for text in rejected if template.match(f"/{text}") is not None] == []


@pytest.mark.parametrize(
    ("raw_path", "path"),
    [
        ("/a%2fb%2Fc", "/a%2fb%2Fc"),
        ("/%252F", "/%2F"),
        ("/%E6%97%A5%2F%41", "/日%2FA"),
        ("/%ff%41%zz", "/%FFA%zz"),
        ("/a/../../b/./c", "/b/c"),
        ("/a/%2E%2E/b", "/b"),
        ("/a/..", "/"),
        ("/a/b/.", "/a/b/"),
        ("/..a/.b", "/..a/.b"),
    ],
)
def test_path_is_decoded_as_the_host_decodes_it(raw_path: str, path: str) -> None:
    assert decode_path(raw_path) == path


def test_routes_are_tried_in_the_order_of_function_names_ignoring_case() -> None:
    routes = [Route.of_function(name, "x/{value}", None, "api") for name in ("b", "C", "A", "a_b", "aZ")]
    assert [route.function_name for route in in_host_order(routes)] == ["A", "aZ", "a_b", "b", "C"]
    assert Router(in_host_order(routes)).match("PATCH", "/api/x/1") == Match("A", {"value": "1"})


def test_method_is_compared_ignoring_case() -> None:
    router = Router([Route.of_function("A", None, ["post"], "api")])
    assert router.match("POST", "/api/a") == Match("A", {})
    assert router.match("GET", "/api/a") is None


def hidden(*functions: tuple[str, list[str] | None]) -> list[HiddenRoute]:
    """Return the overlaps of functions named A, B, ... in this order."""
    return hidden_routes(
        [
            Route.of_function(name, route, methods, "api")
            for name, (route, methods) in zip("ABCDEFGH", functions, strict=False)
        ]
    )


@pytest.mark.parametrize(
    ("first", "later", "example", "entirely"),
    [
        ("item/{id}", "item/special", "/api/item/special", True),
        ("item/special", "item/{id}", "/api/item/special", False),
        ("a/{x}/c", "a/b/{y}", "/api/a/b/c", False),
        ("X", "x", "/api/X", True),
        ("{*all}", "health", "/api/health", True),
        ("{*all}", "files/{*path}", "/api/files", True),
        ("files/{a}", "files/{*path}", "/api/files/x", False),
        ("o/{a?}", "o", "/api/o", True),
        ("item/{id:int}", "item/{x}", "/api/item/1", False),
        ("item/{id:int}", "item/{x:int:min(5)}", "/api/item/5", True),
        ("item/{x:length(2)}", "item/{id:range(40,50)}", "/api/item/40", False),
        ("file.{ext}", "{name}.{ext?}", "/api/file.x", False),
        ("{p:regex(^(on|off)$)}", "off", "/api/off", True),
    ],
)
def test_hidden_route_is_found(first: str, later: str, example: str, entirely: bool) -> None:
    found = hidden((first, ["GET"]), (later, None))
    assert [(route.hidden, route.by, route.entirely) for route in found] == [("B", "A", False)]
    assert hidden((first, None), (later, ["GET"])) == [HiddenRoute("B", "A", f"GET {example}", entirely)]


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("runs/{id}", "runs/{id}/result"),
        ("item/{id:int}", "item/{name:alpha}"),
        ("v{n}", "x{n}"),
        ("a/{b}", "a"),
    ],
)
def test_routes_that_never_meet_are_not_reported(first: str, later: str) -> None:
    assert hidden((first, None), (later, None)) == []


def test_routes_of_other_methods_do_not_hide() -> None:
    assert hidden(("runs/{id}", ["GET"]), ("runs/{orchestration}", ["POST"])) == []


SEGMENTS = st.sampled_from(
    ["a", "b", "{$}", "{$:int}", "{$:alpha}", "{$:maxlength(1)}", "a{$}", "{$}.{$?}", "{$=a}", "{$:int=a}"]
)
ENDS = st.sampled_from(["", "/{$?}", "/{$:int?}", "/{*$}", "/{*$:maxlength(3)}"])
PATHS = st.lists(st.sampled_from(["a", "b", "1", "22", "a.b", "abcd", ""]), max_size=4).map(
    lambda pieces: "/" + "/".join(pieces)
)


@st.composite
def templates(draw: st.DrawFn) -> str:
    """Return a template the host serves, of up to three segments and an end, each parameter with a name of its own."""
    text = "/".join(draw(st.lists(SEGMENTS, min_size=1, max_size=3))) + draw(ENDS)
    pieces = text.split("$")
    return "".join(f"{piece}p{number}" for number, piece in enumerate(pieces[:-1])) + pieces[-1]


@given(first=templates(), later=templates(), paths=st.lists(PATHS, max_size=20))
def test_hidden_routes_tell_the_truth(first: str, later: str, paths: list[str]) -> None:
    routes = [Route.of_function("A", first, None, ""), Route.of_function("B", later, None, "")]
    overlaps = hidden_routes(routes)
    for overlap in overlaps:
        path = overlap.example.removeprefix("GET ")
        assert routes[0].template.match(path) is not None
        assert routes[1].template.match(path) is not None
    if overlaps and overlaps[0].entirely:
        for path in paths:
            assert routes[1].template.match(path) is None or routes[0].template.match(path) is not None


@given(text=st.text(alphabet="ab/{}*?:=.()~-1,\\[", max_size=30), path=st.text(alphabet="/ab%2F.é", max_size=30))
def test_any_text_is_a_template_or_refused(text: str, path: str) -> None:
    try:
        template = RouteTemplate.parse(text)
    except RouteTemplateError:
        return
    template.match(decode_path("/" + path))


@given(
    values=st.lists(st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1), max_size=4)
)
def test_values_arrive_as_they_were_sent(values: list[str]) -> None:
    sent = [value for value in values if value not in (".", "..")]
    route = Route.of_function("A", "x/" + "/".join(f"{{p{index}}}" for index in range(len(sent))), None, "api")
    match = Router([route]).match("GET", "/api/x/" + "/".join(quote(value, safe="") for value in sent))
    assert match is not None
    assert list(match.values.values()) == sent
