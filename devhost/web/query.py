"""Query values and continuation tokens of management requests.

A value that cannot be read is ignored, not refused, as by the extension.
"""

from __future__ import annotations

import base64
import json
import math
from datetime import datetime

from aiohttp import web

from devhost.hub.columns import from_micros, to_micros
from devhost.hub.rows import Status
from devhost.protocol.history import parse_timestamp

CONTINUATION = "x-ms-continuation-token"

_DEFAULT_PAGE = 100
_LONGEST_PAGE = 10_000
_NUMBERS = {
    Status.RUNNING: "0",
    Status.COMPLETED: "1",
    Status.FAILED: "3",
    Status.CANCELED: "4",
    Status.TERMINATED: "5",
    Status.PENDING: "6",
    Status.SUSPENDED: "7",
}
# A status of Azure's that no instance keeps here: a continued run is Running again in the same transaction.
_NEVER_SEEN = {"continuedasnew", "2"}


class UnknownTokenError(Exception):
    """A continuation token was not given out here."""


def flag(request: web.Request, name: str, *, default: bool = False) -> bool:
    """Return a `true` or `false` in any case."""
    return {"true": True, "false": False}.get(request.query.get(name, "").lower(), default)


def number(request: web.Request, name: str) -> float | None:
    """Return a finite number, or None."""
    try:
        value = float(request.query[name])
    except (KeyError, ValueError):
        return None
    return value if math.isfinite(value) else None


def time(request: web.Request, name: str) -> datetime | None:
    """Return an ISO 8601 time as UTC, or None."""
    try:
        return parse_timestamp(request.query[name])
    except (KeyError, ValueError, OverflowError):
        return None


def statuses(request: web.Request) -> frozenset[Status] | None:
    """Return the statuses that all `runtimeStatus` list, in any case or by their numbers; None when they list none."""
    wanted = {name.strip().lower() for name in ",".join(request.query.getall("runtimeStatus", [])).split(",")}
    found = frozenset(status for status in Status if wanted & {status.value.lower(), _NUMBERS[status]})
    return found if found or wanted & _NEVER_SEEN else None


def prefix(request: web.Request) -> str:
    """Return what ids begin with; several `instanceIdPrefix` are one text with commas, as ASP.NET reads them."""
    return ",".join(request.query.getall("instanceIdPrefix", []))


def limit(request: web.Request) -> int:
    """Return how many rows a page has at most."""
    wanted = number(request, "top") or 0
    return int(wanted) if 1 <= wanted <= _LONGEST_PAGE else _DEFAULT_PAGE


def after(request: web.Request) -> tuple[datetime, str] | None:
    """Return where the last page ended, from the continuation header; None for the first page.

    Raises:
        UnknownTokenError: It holds no token of this API. Azure answers an empty page, which looks like the last one.
    """
    text = request.headers.get(CONTINUATION)
    if not text:
        return None
    try:
        moment, last_id = json.loads(base64.b64decode(text, altchars=b"-_", validate=True))
        last_id.encode()
        return from_micros(moment), last_id
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as ex:
        raise UnknownTokenError(f"The {CONTINUATION} header is not one that a list was answered with.") from ex


def token(moment: datetime, last_id: str) -> str:
    """Return the continuation token after a row."""
    return base64.urlsafe_b64encode(json.dumps([to_micros(moment), last_id]).encode()).decode()
