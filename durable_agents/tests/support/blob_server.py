"""A blob service on this machine: what the app does with blobs, and no more; Azurite is not everywhere."""

import os
import re
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from azure.core.credentials import AzureNamedKeyCredential


class BlobServer(ThreadingHTTPServer):
    """Keeps blobs in memory: writes one if there is none, appends to one, reads, lists and deletes.

    Nobody's signature is checked.

    With the `certificate` it speaks TLS, as an identity is sent to nobody else.
    """

    credential = AzureNamedKeyCredential("account", "a2V5")
    daemon_threads = True

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        self.content: dict[str, bytes] = {}
        self.written: dict[str, str] = {}
        self.requests: list[str] = []
        self.appends: dict[str, int] = {}
        self.refuses = False
        self.loses_answers = 0
        self.lock = Lock()
        super().__init__(("127.0.0.1", 0), _Handler)
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://localhost:{self.server_port}/account"

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: BlobServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name, query = self._begin()
        if "comp" in query:
            self._list(name, query.get("prefix", [""])[0])
            return
        content = self.server.content.get(name)
        if content is None:
            self._answer(404, code="BlobNotFound")
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("x-ms-range") or "")
        size, first = len(content), int(asked[1]) if asked else 0
        part = content[first : int(asked[2]) + 1] if asked else content
        if asked and not part:
            self._answer(416, code="InvalidRange")
            return
        ranged = {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{size}"} if asked else {}
        self._answer(206 if asked else 200, part, **ranged)

    def do_HEAD(self) -> None:
        name, _ = self._begin()
        content = self.server.content.get(name)
        if content is None:
            self._answer(404, code="BlobNotFound")
            return
        appends: Any = {"x-ms-blob-committed-block-count": self.server.appends.get(name, 0)}
        self._answer(200, content, **{"x-ms-blob-type": "AppendBlob", **appends})

    def do_PUT(self) -> None:
        name, query = self._begin()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if query.get("comp") == ["appendblock"]:
            self._append(name, body)
            return
        with self.server.lock:
            exists = name in self.server.content
            if exists and self.headers.get("If-None-Match") == "*":
                self._answer(409, code="BlobAlreadyExists")
                return
            self.server.content[name] = body
        self._answer(201)

    def _append(self, name: str, body: bytes) -> None:
        with self.server.lock:
            before = self.server.content.get(name)
            if before is None:
                self._answer(404, code="BlobNotFound")
                return
            position = self.headers.get("x-ms-blob-condition-appendpos")
            if position is not None and int(position) != len(before):
                self._answer(412, code="AppendPositionConditionNotMet")
                return
            self.server.content[name] = before + body
            self.server.appends[name] = self.server.appends.get(name, 0) + 1
            is_lost = self.server.loses_answers > 0
            self.server.loses_answers -= is_lost
        if is_lost:
            self.close_connection = True
            return
        self._answer(201)

    def do_DELETE(self) -> None:
        name, _ = self._begin()
        with self.server.lock:
            found = self.server.content.pop(name, None)
        self._answer(202 if found is not None else 404, code="" if found is not None else "BlobNotFound")

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""

    def _begin(self) -> tuple[str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        self.server.requests.append(f"{self.command} {self.path}")
        if self.server.refuses:
            self._answer(403, code="AuthorizationFailure")
            raise ConnectionAbortedError
        return unquote(parts.path.removeprefix("/account/")), parse_qs(parts.query)

    def _list(self, container: str, prefix: str) -> None:
        names = sorted(name.partition("/")[2] for name in self.server.content if name.startswith(f"{container}/"))
        found = "".join(self._entry(container, name) for name in names if name.startswith(prefix))
        page = f'<?xml version="1.0"?><EnumerationResults><Blobs>{found}</Blobs><NextMarker/></EnumerationResults>'
        self._answer(200, page.encode(), **{"Content-Type": "application/xml"})

    def _entry(self, container: str, name: str) -> str:
        written = self.server.written.get(f"{container}/{name}") or self.date_time_string()
        size = len(self.server.content[f"{container}/{name}"])
        properties = f"<Last-Modified>{written}</Last-Modified><Content-Length>{size}</Content-Length>"
        properties += "<BlobType>BlockBlob</BlobType>"
        return f"<Blob><Name>{escape(name)}</Name><Properties>{properties}</Properties></Blob>"

    def _answer(self, status: int, body: bytes = b"", code: str = "", **headers: Any) -> None:
        self.send_response(status)
        stated = {"Content-Length": str(len(body)), "ETag": '"1"', "Last-Modified": self.date_time_string()}
        for name, value in {**stated, "x-ms-request-id": os.urandom(4).hex(), **headers}.items():
            self.send_header(name, value)
        if code:
            self.send_header("x-ms-error-code", code)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
