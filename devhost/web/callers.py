"""Who may call a host: no page of elsewhere, and nobody who took another name for this machine.

A browser sends what any web page asks it to send to localhost, and reads the answers to it once the page's own name is
made to point here (DNS rebinding). A page can forge neither `Host` nor `Origin` nor `Sec-Fetch-Site`, so these decide.
Programs are free to send what they like: they are on this machine already.
"""

from __future__ import annotations

import ipaddress
import re

from aiohttp import web

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_HIGHEST_PORT = 65535
_ADDRESSED_AS_ANOTHER = (
    "This host serves this machine alone, and the request is addressed to '{}'. Call it as localhost or 127.0.0.1; to "
    "serve other names on purpose, start it with --host 0.0.0.0.\n"
)
_FROM_ANOTHER_PAGE = (
    "A page of {} may not call this host, only pages of localhost may. Open the page from localhost, or send the "
    "request from a program.\n"
)


class Callers:
    """Tells who may call a host that listens on `address`."""

    def __init__(self, address: str) -> None:
        self._is_local = _is_loopback(address)

    def refusal(self, request: web.Request) -> web.Response | None:
        """Return the answer to a request that is not served, or None.

        A link may lead here from anywhere, so whoever opens a page by itself may come from another site.
        """
        hosts = request.headers.getall("Host", [])
        host = _name(hosts[0]) if len(hosts) == 1 else None
        if host is None or not request.url.host:
            return web.Response(status=400)
        # What stands in the request line goes before the header.
        for name in (host, request.url.host.lower()):
            if self._is_local and not _is_loopback(name):
                return web.Response(status=403, text=_ADDRESSED_AS_ANOTHER.format(name))
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "none")
        if origin == "null" and site == "same-origin":
            # A page that tells no referrer is "null" to itself too.
            return None
        if origin is not None and not self._is_page_of_ours(origin, hosts[0]):
            return web.Response(status=403, text=_FROM_ANOTHER_PAGE.format(origin))
        if origin is None and site == "cross-site" and not _opens_a_page(request):
            return web.Response(status=403, text=_FROM_ANOTHER_PAGE.format("another site"))
        return None

    def _is_page_of_ours(self, origin: str, host: str) -> bool:
        """Tell whether an origin is this machine, or, for a host that serves others, the address it was called by.

        A name is not enough there, since anybody's name can point to this machine.
        """
        authority = origin.partition("://")[2]
        name = _name(authority)
        if name is None or _is_loopback(name):
            return name is not None
        return not self._is_local and authority == host and _address(name) is not None


def _opens_a_page(request: web.Request) -> bool:
    return request.method in ("GET", "HEAD") and request.headers.get("Sec-Fetch-Dest") == "document"


def _name(authority: str) -> str | None:
    """Return the host of `host[:port]` in lower case, without brackets; None when it is malformed."""
    found = _AUTHORITY.fullmatch(authority)
    if found is None or int(found[2] or 0) > _HIGHEST_PORT:
        return None
    name = found[1].strip("[]").lower()
    return name if found[1][0] != "[" or _address(name) is not None else None


def _is_loopback(name: str) -> bool:
    address = _address(name)
    return name == "localhost" if address is None else address.is_loopback


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
