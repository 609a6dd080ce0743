"""Azure Communication Services on this machine: what the app asks of its e-mail, and what goes wrong with it."""

import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self

from azure.core.credentials import AccessToken


class Identity:
    """An Entra identity, with a token for one scope."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.scopes += scopes
        return AccessToken("token-of-the-app", int(time.time()) + 3600)


class MailService(ThreadingHTTPServer):
    """Takes each e-mail once for its id, and says what came of it.

    `faults` are answers that the next requests to send get instead: a status, headers and a body; None ends the
    connection. With `takes_it` the e-mail is taken all the same. `outcomes` are what the next questions are told.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.sent: dict[str, dict[str, Any]] = {}
        self.headers_of: dict[str, dict[str, str]] = {}
        self.repeats = 0
        self.posts = 0
        self.faults: list[tuple[int, dict[str, str], bytes] | None] = []
        self.takes_it = False
        self.outcomes: list[bytes] = []
        self.on_taken: Callable[[], None] = lambda: None
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()

    def take(self, operation_id: str, mail: dict[str, Any], headers: dict[str, str]) -> None:
        """Take an e-mail, unless it was taken before."""
        self.repeats += operation_id in self.sent
        self.sent.setdefault(operation_id, mail)
        self.headers_of.setdefault(operation_id, headers)
        self.on_taken()


class _Handler(BaseHTTPRequestHandler):
    server: MailService
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        operation_id = self._path().rpartition("/")[2]
        if operation_id not in self.server.sent:
            self._answer(404, json.dumps({"error": {"code": "NotFound", "message": "No such operation."}}).encode())
            return
        succeeded = json.dumps({"id": operation_id, "status": "Succeeded"}).encode()
        self._answer(200, self.server.outcomes.pop(0) if self.server.outcomes else succeeded)

    def do_POST(self) -> None:
        assert self._path() == "/emails:send"
        self.server.posts += 1
        mail = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation_id = self.headers["Operation-Id"]
        fault = self.server.faults.pop(0) if self.server.faults else (0, {}, b"")
        if fault == (0, {}, b"") or self.server.takes_it:
            self.server.take(operation_id, mail, dict(self.headers))
        if fault is None:
            self.close_connection = True
        elif fault[0]:
            self._answer(fault[0], fault[2], fault[1])
        else:
            self._answer(202, json.dumps({"id": operation_id, "status": "Running"}).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""

    def _path(self) -> str:
        path, _, query = self.path.partition("?")
        assert query == "api-version=2023-03-31"
        assert self.headers["Authorization"] == "Bearer token-of-the-app"
        return path

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
