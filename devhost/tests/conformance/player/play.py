"""Sends requests to a host and keeps what went back and forth."""

import http.client
import json
import random
import string
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

WEBHOOK = "/runtime/webhooks/durabletask"
FINAL = ("Completed", "Failed", "Terminated", "Canceled")
KEPT_HEADERS = ("location", "retry-after", "content-type", "x-ms-continuation-token")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host answered. Header names are in lower case; a body that is not JSON is text, an empty one is None."""

    status: int
    headers: dict[str, str]
    body: Json


class Play:
    """One case being played: every instance id is its own, and `exchanges` holds what is compared.

    Args:
        base: URL of the host, without a path.
        target: URL of the server that the HTTP calls of orchestrations go to.
        patience: Seconds for which a request is tried again while the host is away.
        slowness: How many times as long as for devhost a status is waited for.
    """

    def __init__(self, base: str, target: str, patience: float = 0, slowness: float = 1) -> None:
        self.base = base.rstrip("/")
        self.target = target
        self.nonce = "".join(random.choices(string.ascii_lowercase, k=7))
        self.exchanges: list[Json] = []
        self._patience = patience
        self._slowness = slowness

    def id(self, name: str) -> str:
        """Return an instance id that no other play uses."""
        return f"{name}-{self.nonce}"

    def note(self, what: str, seen: Json) -> None:
        """Keep something seen that is not an exchange."""
        self._keep(what, 0, {}, seen)

    def call(
        self,
        method: str,
        path: str,
        body: Json = None,
        raw: bytes | None = None,
        ctype: str = "application/json",
        headers: Mapping[str, str] | None = None,
        keep: bool = True,
    ) -> Answer:
        """Send a request, with `body` as JSON or with the bytes of `raw`, and keep the exchange.

        Raises:
            OSError, http.client.HTTPException: The host cannot be reached, or not within the patience.
        """
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        sent = {**(headers or {}), **({"Content-Type": ctype} if data is not None and ctype else {})}
        answer = self._send(urllib.request.Request(self.base + path, data=data, method=method, headers=sent))
        if keep:
            shown = body if raw is None else raw.decode(errors="replace")
            kept = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
            self._keep(f"{method} {path}", answer.status, kept, answer.body, sent=shown)
        return answer

    def start(
        self, name: str, body: Json = None, iid: str | None = None, keep: bool = False, raw: bytes | None = None
    ) -> str:
        """Start an orchestration through the management API and return its instance id."""
        iid = iid or self.id(name)
        self.call("POST", f"{WEBHOOK}/orchestrators/{name}/{iid}", body, raw=raw, keep=keep)
        return iid

    def start_sdk(self, name: str, body: Json = None, iid: str | None = None, keep: bool = False) -> str:
        """Start an orchestration through the app's own route, so through the Python SDK, and return its instance id."""
        iid = iid or self.id(name)
        self.call("POST", f"/api/start/{name}/{iid}", body, keep=keep)
        return iid

    def peek(self, iid: str) -> Mapping[str, Json]:
        """Return the status of an instance without keeping it; empty when there is none."""
        body = self.call("GET", f"{WEBHOOK}/instances/{iid}", keep=False).body
        return body if isinstance(body, dict) else {}

    def wait(
        self,
        iid: str,
        until: Sequence[str] = FINAL,
        seconds: float = 25,
        show: bool = True,
        query: str = "",
        **fields: Json,
    ) -> None:
        """Poll until the status is one of `until`, or, when fields are named, until these are as given.

        Gives up after `seconds` without complaint: the answer kept last, when `show`, is what gets compared.
        """
        end = time.monotonic() + seconds * self._slowness
        while time.monotonic() < end:
            status = self.peek(iid)
            if fields and all(status.get(name) == value for name, value in fields.items()):
                break
            if not fields and status.get("runtimeStatus") in until:
                break
            time.sleep(0.05)
        if show:
            self.call("GET", f"{WEBHOOK}/instances/{iid}{query}")

    def running(self, iid: str, seconds: float = 10) -> None:
        """Wait until an instance is running, and a little longer, so that it has come to its first wait."""
        self.wait(iid, until=("Running",), seconds=seconds, show=False)
        time.sleep(0.6)

    def ends_within(self, iid: str, seconds: float) -> None:
        """Keep whether an instance ended in that time, then its status."""
        began = time.monotonic()
        self.wait(iid, seconds=25, show=False)
        self.note(f"ended within {seconds} s", time.monotonic() - began < seconds)
        self.call("GET", f"{WEBHOOK}/instances/{iid}")

    def raise_event(
        self,
        iid: str,
        name: str,
        body: Json = None,
        keep: bool = True,
        raw: bytes | None = None,
        ctype: str = "application/json",
    ) -> None:
        """Raise an event through the management API."""
        self.call("POST", f"{WEBHOOK}/instances/{iid}/raiseEvent/{name}", body, raw=raw, ctype=ctype, keep=keep)

    def _keep(self, request: str, status: int, headers: dict[str, str], body: Json, **sent: Json) -> None:
        self.exchanges.append({"request": request, "status": status, "headers": headers, "body": body, **sent})

    def _send(self, request: urllib.request.Request) -> Answer:
        end = time.monotonic() + self._patience
        while True:
            try:
                return _answer(request)
            except (OSError, http.client.HTTPException):
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)


Case = Callable[[Play], None]


def _answer(request: urllib.request.Request) -> Answer:
    try:
        with urllib.request.urlopen(request, timeout=90) as response:
            status, headers, text = response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        status, headers, text = error.code, error.headers, error.read().decode()
    try:
        body = json.loads(text) if text else None
    except ValueError:
        body = text
    return Answer(status, {name.lower(): value for name, value in headers.items()}, body)
