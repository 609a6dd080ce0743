"""The URLs under which this app is reached, whatever prefix host.json has and whatever stands before the app."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import azure.functions as func


@dataclass(frozen=True, slots=True)
class Links:
    """Makes absolute URLs of routes.

    Attributes:
        prefix: What host.json puts before every route, without slashes; empty for none.
        public_url: Where callers reach the app, if that is not where the request came to: behind a gateway.
        own_url: Where the app is reached where no request says so.
    """

    prefix: str = "api"
    public_url: str | None = None
    own_url: str = "http://localhost:7071"

    def to(self, req: func.HttpRequest, *segments: str) -> str:
        """Return the URL of a route for the caller of this request; the segments must be safe in a URL as they are."""
        asked = urlsplit(req.url)
        return self._join(self.public_url or f"{asked.scheme}://{asked.netloc}", segments)

    def at(self, *segments: str) -> str:
        """Return the URL of a route for those who have sent no request."""
        return self._join(self.public_url or self.own_url, segments)

    def _join(self, base: str, segments: tuple[str, ...]) -> str:
        return "/".join([base.rstrip("/"), *([self.prefix] if self.prefix else []), *segments])
