"""The server that the HTTP calls of orchestrations go to."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def target_server() -> Iterator[str]:
    """Serve on a free port of this machine while the context lasts, and give the URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Target)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Target(http.server.BaseHTTPRequestHandler):
    """Shows each request in its answer. `/missing` is 404; `/slow202` is 202 and says to look at `/ok`."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        seen = {"method": self.command, "path": self.path, "body": body, "seen": self.headers.get("x-asked")}
        text = json.dumps(seen).encode()
        self.send_response({"/missing": 404, "/slow202": 202}.get(self.path, 200))
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Seen", "yes")
        self.send_header("Content-Length", str(len(text)))
        if self.path == "/slow202":
            self.send_header("Location", f"http://127.0.0.1:{self.connection.getsockname()[1]}/ok")
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 (the names the base class calls)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing on the terminal."""
