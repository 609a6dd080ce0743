"""What Azure has beside an app: a place that gives its identity tokens, and a certificate of a blob account."""

import json
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.tests.azure_tables import storage_token


class IdentityServer(ThreadingHTTPServer):
    """Gives tokens, as the endpoint does that Azure puts beside each app; `settings` lead the app there."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.client_ids: set[str] = set()
        self.token = storage_token()
        url = f"http://127.0.0.1:{self.server_port}/token"
        self.settings = {"IDENTITY_ENDPOINT": url, "IDENTITY_HEADER": "secret"}

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: IdentityServer

    def do_GET(self) -> None:
        query = dict(part.split("=", 1) for part in self.path.partition("?")[2].split("&"))
        self.server.client_ids.add(query.get("client_id", ""))
        token = {
            "access_token": self.server.token,
            "expires_on": str(int(time.time()) + 86_400),
            "token_type": "Bearer",
        }
        body = json.dumps({**token, "resource": query.get("resource", "")}).encode()
        self.send_response(200 if self.headers.get("X-IDENTITY-HEADER") == "secret" else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for `localhost`, which signs itself, and its key; return where they are."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(pem))
    files[1].write_bytes(private)
    return files
