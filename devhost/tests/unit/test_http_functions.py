"""HTTP functions get requests as the Functions host gives them, and their answers arrive whole."""

import base64
import gzip
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from devhost.web.limits import MAX_BODY_BYTES


def seen(response: httpx.Response) -> dict[str, Any]:
    """Return what the function `mirror` saw of the request."""
    assert response.status_code == 200, response.text
    request: dict[str, Any] = response.json()
    return request


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"])
def test_function_without_methods_takes_them_all(http: httpx.Client, method: str) -> None:
    assert seen(http.request(method, "/api/mirror"))["method"] == method


def test_head_reaches_the_function_and_has_no_body(http: httpx.Client) -> None:
    response = http.head("/api/mirror")
    assert (response.status_code, response.headers["X-Method"], response.content) == (200, "HEAD", b"")


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "DELETE"])
def test_another_method_is_404_and_not_405(http: httpx.Client, method: str) -> None:
    assert http.get("/api/only-get").text == "got"
    response = http.request(method, "/api/only-get")
    assert (response.status_code, response.content) == (404, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/",
        "/api/no-such-function",
        "/only-get",
        "/api/mirror/a/b",
        "/api/only-get/x",
        "/favicon.ico",
        "/api/a%0Ab",
    ],
)
def test_no_function_is_404_with_an_empty_body(http: httpx.Client, path: str) -> None:
    response = http.get(path)
    assert (response.status_code, response.content) == (404, b"")


def test_url_is_the_one_the_caller_used(http: httpx.Client) -> None:
    response = http.get("/api/mirror/x?a=%20b", headers={"Host": "localhost:8080"})
    assert seen(response)["url"] == "http://localhost:8080/api/mirror/x?a=%20b"


def test_repeated_headers_and_query_keys_are_joined(http: httpx.Client) -> None:
    request = seen(http.get("/api/mirror?a=1&b=x&a=2", headers=[("X-Own", "1"), ("X-Own", "2"), ("x-other", "3")]))
    assert request["params"] == {"a": "1,2", "b": "x"}
    headers = {name.lower(): value for name, value in request["headers"].items()}
    assert (headers["x-own"], headers["x-other"]) == ("1,2", "3")


def test_query_keys_differ_by_more_than_case(http: httpx.Client) -> None:
    assert seen(http.get("/api/mirror?a=1&A=2"))["params"] == {"A": "1,2"}


def test_a_query_parameter_without_a_value_does_not_reach_the_function_but_such_a_header_does(
    http: httpx.Client,
) -> None:
    request = seen(http.get("/api/mirror?a=&b&c=1&c=&d=&d=", headers=[("X-A", ""), ("X-B", "1"), ("X-B", "")]))
    assert request["params"] == {"c": "1"}
    headers = {name.lower(): value for name, value in request["headers"].items()}
    assert (headers["x-a"], headers["x-b"]) == ("", "1")


def test_query_is_decoded(http: httpx.Client) -> None:
    assert seen(http.get("/api/mirror?a=%2B+%C5%BE%26"))["params"] == {"a": "+ ž&"}


def test_route_values_are_decoded_and_missing_ones_absent(http: httpx.Client) -> None:
    assert seen(http.get("/api/mirror/%C5%BE%20x"))["route_params"] == {"part": "ž x"}
    assert seen(http.get("/api/mirror"))["route_params"] == {}


@pytest.mark.parametrize("body", [b"", b"\x00\x01\xff\xfe", bytes(range(256)) * 4000], ids=["empty", "few", "1 MB"])
def test_binary_bodies_arrive_unchanged_both_ways(http: httpx.Client, body: bytes) -> None:
    assert base64.b64decode(seen(http.post("/api/mirror", content=body))["body"]) == body
    response = http.post("/api/bytes", content=body)
    assert (response.content, response.headers["Content-Type"]) == (body, "application/octet-stream")


def test_body_in_chunks_arrives_whole(http: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        yield from (b"one ", b"two ", b"three")

    assert http.post("/api/bytes", content=chunks()).content == b"one two three"


def test_a_body_of_100_mib_is_taken_and_a_byte_more_is_500(http: httpx.Client) -> None:
    megabyte = bytes(1024 * 1024)

    def body(*more: bytes) -> Iterator[bytes]:
        for _ in range(MAX_BODY_BYTES // len(megabyte)):
            yield megabyte
        yield from more

    assert http.post("/api/length", content=body()).text == str(100 * 1024 * 1024)
    for path in ("/api/length", "/runtime/webhooks/durabletask/orchestrators/echo"):
        response = http.post(path, content=body(b"x"))
        assert (response.status_code, response.content) == (500, b"")


def test_a_body_in_gzip_arrives_as_it_was_sent(http: httpx.Client) -> None:
    body = gzip.compress(b"hello")
    assert http.post("/api/bytes", content=body, headers={"Content-Encoding": "gzip"}).content == body


def test_several_cookies_arrive_as_several_headers(http: httpx.Client) -> None:
    first, second = (SimpleCookie(text) for text in http.get("/api/cookies").headers.get_list("set-cookie"))
    assert (first["flavour"].value, first["flavour"]["path"], bool(first["flavour"]["httponly"])) == ("oat", "/", True)
    assert (second["size"].value, second["size"]["max-age"]) == ("big", "60")


@pytest.mark.parametrize("path", ["/api/broken", "/api/answers-none", "/api/answers-dict"])
def test_failing_function_is_500_and_does_not_tell_why(http: httpx.Client, path: str) -> None:
    response = http.get(path)
    assert (response.status_code, response.content) == (500, b"")
    assert response.headers["Content-Length"] == "0"
    assert "Content-Type" not in response.headers


def test_function_that_exits_is_500_and_the_host_goes_on(http: httpx.Client) -> None:
    assert http.get("/api/exits").status_code == 500
    assert http.get("/api/only-get").status_code == 200


def test_no_key_is_asked_for(http: httpx.Client) -> None:
    assert http.get("/api/guarded").text == "no key was asked for"
