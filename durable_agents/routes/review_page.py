"""The page behind a reviewer's link. It is the same for everybody and has no data in it.

Its script takes the token from behind the `#` of the address, which no browser sends and no server logs, and fetches
and decides with it in bodies. Nothing else may run on the page, or be fetched by it.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path

import azure.functions as func

_FOLDER = Path(__file__).parent / "page"

PRIVATE = {
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
"""The headers of all that a reviewer is shown."""


def show_page() -> func.HttpResponse:
    """Return the page."""
    page, policy = _page()
    headers = {**PRIVATE, "Content-Security-Policy": policy}
    return func.HttpResponse(page, headers=headers, mimetype="text/html", charset="utf-8")


@cache
def _page() -> tuple[bytes, str]:
    """Return the page and the policy that lets its own style and script run, and no others."""
    html, style, script = (
        (_FOLDER / f"review.{suffix}").read_text(encoding="utf-8") for suffix in ("html", "css", "js")
    )
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; connect-src 'self'; "
        "form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"
    )
    return html.replace("$style", style).replace("$script", script).encode(), policy


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
