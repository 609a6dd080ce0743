"""In the place of Application Insights: it takes what an app sends there over TLS, with the token of its identity."""

import gzip
import json
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self


class IngestionServer(ThreadingHTTPServer):
    """Keeps the items that it is sent: `items` in their order, and `tokens` with which they came."""

    daemon_threads = True

    def __init__(self, certificate: tuple[Path, Path]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.items: list[dict[str, Any]] = []
        self.tokens: set[str | None] = set()
        url = f"https://localhost:{self.server_port}/"
        key = "00000000-0000-0000-0000-000000000001"
        self.connection_string = f"InstrumentationKey={key};IngestionEndpoint={url};LiveEndpoint={url}"

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()

    def spans(self, prefix: str) -> list[dict[str, Any]]:
        """Return the spans whose names begin so, with their ids, in the order in which they came."""
        named = [item for item in self.items if str(item["data"]["baseData"].get("name", "")).startswith(prefix)]
        return [
            {
                **item["data"]["baseData"],
                "operation": item["tags"].get("ai.operation.id"),
                "parent": item["tags"].get("ai.operation.parentId"),
            }
            for item in named
            if item["data"]["baseType"] in ("RemoteDependencyData", "RequestData")
        ]


class _Handler(BaseHTTPRequestHandler):
    server: IngestionServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        count = 0
        if self.path.endswith("/track"):
            self.server.tokens.add(self.headers.get("Authorization"))
            text = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            sent = json.loads(text) if text.startswith(b"[") else [json.loads(line) for line in text.splitlines()]
            self.server.items += sent
            count = len(sent)
        answer = json.dumps({"itemsReceived": count, "itemsAccepted": count, "errors": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""
