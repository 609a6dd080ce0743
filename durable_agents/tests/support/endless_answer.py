"""A server whose answer to a POST has no end, until the client leaves."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import Self


class EndlessAnswer:
    """Answers every POST with `status` and a body that goes on and on. Use with `with`."""

    MOST_BYTES = 64 * 1024 * 1024
    """What a client gets at most: one that would have read on is told from one that left by this."""

    def __init__(self, status: int, media_type: str = "application/json") -> None:
        sent: Queue[int] = Queue()
        self._sent = sent

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.end_headers()
                count = 0
                try:
                    while count < EndlessAnswer.MOST_BYTES:
                        count += self.wfile.write(b" " * 65_536)
                except OSError:
                    self.close_connection = True
                sent.put(count)

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/runs/"

    def wait_until_left(self) -> int:
        """Return how many bytes a client was sent before it left."""
        return self._sent.get(timeout=20)

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
