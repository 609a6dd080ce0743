"""HTTP requests and answers, and what the worker library has for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from azure_functions_runtime.bindings.datumdef import Datum


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request for an HTTP function. Header and query values of one name are joined, as the host joins them."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    route_values: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An HTTP function's answer; `cookies` are values for `Set-Cookie`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()


def http_datum(request: HttpRequest) -> Datum:
    """Return a request as a trigger's value."""
    return Datum(
        {
            "method": Datum(request.method, "string"),
            "url": Datum(request.url, "string"),
            "headers": _strings(request.headers),
            "params": _strings(request.route_values),
            "query": _strings(request.query),
            "body": Datum(request.body, "bytes"),
        },
        "http",
    )


def http_response(datum: Datum | None) -> HttpResponse:
    """Return the answer that a function's return value stands for."""
    if datum is None or datum.value is None:
        return HttpResponse(204, {}, b"")
    if datum.type != "http":
        return HttpResponse(200, {"content-type": "text/plain; charset=utf-8"}, str(datum.value).encode())
    value = datum.value
    body = value["body"].value
    cookies = [morsel.OutputString() for jar in value.get("cookies") or () for morsel in jar.values()]
    return HttpResponse(
        status=int(value["status_code"].value),
        headers={name: one.value for name, one in value["headers"].items()},
        body=body if isinstance(body, bytes) else str(body).encode(),
        cookies=tuple(cookies),
    )


def _strings(values: Mapping[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}
