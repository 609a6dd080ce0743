"""A webhook on this machine, which keeps what it is sent and answers as a test says."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Call:
    """One request that arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content


class WebhookReceiver:
    """Answers with `statuses`, one after the other, then with the last one again. Use with `with`."""

    def __init__(self, *statuses: int, **headers: str) -> None:
        self.calls: list[Call] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:  # the sender was killed: it has sent nothing
                    return
                receiver.calls.append(Call(self.path, dict(self.headers), body))
                self.send_response(statuses[min(len(receiver.calls), len(statuses)) - 1])
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/runs/"

    def wait_for(self, calls: int, seconds: float = 20) -> None:
        """Wait until so many requests have arrived."""
        deadline = time.monotonic() + seconds
        while len(self.calls) < calls:
            assert time.monotonic() < deadline, f"{len(self.calls)} of {calls} calls arrived"
            time.sleep(0.02)

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
