"""`start --otlp` sends what the app records to a collector, what is left at the end included."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.__main__ import main
from devhost.testing.host_process import DevhostProcess

APP = """
import azure.functions as func
from opentelemetry import metrics, trace

app = func.FunctionApp()
counter = metrics.get_meter("shop").create_counter("cups_sold")

@app.route(route="tea")
async def tea(req: func.HttpRequest) -> str:
    with trace.get_tracer("shop").start_as_current_span("brewing"):
        counter.add(1)
        return "tea"
"""


class Collector(BaseHTTPRequestHandler):
    """Keeps what it is sent, by path."""

    bodies: dict[str, bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.bodies[self.path] = self.bodies.get(self.path, b"") + body
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[tuple[str, dict[str, bytes]]]:
    bodies: dict[str, bytes] = {}
    server = HTTPServer(("127.0.0.1", 0), type("Kept", (Collector,), {"bodies": bodies}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()
    server.server_close()


def app_in(folder: Path) -> Path:
    folder.mkdir()
    (folder / "host.json").write_text('{"version": "2.0"}', encoding="utf-8")
    (folder / "function_app.py").write_text(APP, encoding="utf-8")
    return folder


def test_spans_and_metrics_go_to_the_collector(tmp_path: Path, collector: tuple[str, dict[str, bytes]]) -> None:
    url, bodies = collector
    host = DevhostProcess(tmp_path / "host", app_in(tmp_path / "teashop"), ("--otlp", f"{url}/"))
    with host:
        assert httpx.get(f"{host.url}/api/tea").text == "tea"
        assert host.stop() == 0
    assert set(bodies) == {"/v1/traces", "/v1/metrics"}
    assert b"brewing" in bodies["/v1/traces"]
    assert b"teashop" in bodies["/v1/traces"]
    assert b"cups_sold" in bodies["/v1/metrics"]


def test_without_a_collector_the_app_is_served_and_ends(tmp_path: Path) -> None:
    flags = ("--otlp", "http://127.0.0.1:9")
    with DevhostProcess(tmp_path / "host", app_in(tmp_path / "teashop"), flags) as host:
        assert httpx.get(f"{host.url}/api/tea").text == "tea"
        assert host.stop() == 0


@pytest.mark.parametrize("url", ["localhost:4318", "grpc://localhost:4317", "http://"])
def test_what_is_no_url_is_refused_by_its_flag(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["start", "--otlp", url])
    assert f"--otlp: {url!r} is no URL of a collector" in capsys.readouterr().err
