"""Who may call a host: programs and pages of this machine, no other page, and nobody under another name."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from devhost.protocol.client_binding import RPC_PATH, WEBHOOK_PATH
from devhost.testing.host_process import DevhostProcess
from devhost.tests.unit.conftest import SMALL_APP
from devhost.web.mcp import MCP_PATH

PATHS = ["/api/mirror", f"{WEBHOOK_PATH}/instances", f"{RPC_PATH}/instances", MCP_PATH, "/"]
EVIL = "http://evil.example"
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def raw(host: DevhostProcess, head: str) -> int:
    """Send the head of a request as it stands and return the status of the answer."""
    address = httpx.URL(host.url)
    with socket.create_connection((address.host, address.port), timeout=10) as connection:
        connection.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        return int(connection.makefile("rb").readline().split()[1])


@pytest.fixture(scope="module")
def open_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevhostProcess]:
    """A host that listens on all addresses of the machine."""
    with DevhostProcess(tmp_path_factory.mktemp("open"), SMALL_APP, flags=("--host", "0.0.0.0")) as process:
        yield process


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["evil.example", "evil.example:7071", "localhost.evil.example", "0.0.0.0", "10.0.0.1"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_name_for_this_machine_is_refused_on_every_route(
    http: httpx.Client, method: str, path: str, name: str
) -> None:
    response = http.request(method, path, headers={"Host": name})
    assert response.status_code == 403
    assert name.split(":")[0] in response.text
    assert "Call it as localhost" in response.text


@pytest.mark.parametrize(
    "name", ["localhost", "LOCALHOST:7071", "127.0.0.1", "127.0.0.1:80", "127.1.2.3", "[::1]", "[::1]:7071"]
)
def test_this_machine_is_called_by_its_own_names(http: httpx.Client, name: str) -> None:
    response = http.get("/api/mirror", headers={"Host": name})
    assert response.status_code == 200
    assert response.json()["url"].lower() == f"http://{name.lower()}/api/mirror".replace("127.0.0.1:80", "127.0.0.1")


@pytest.mark.parametrize("path", ["/api/mirror", f"{WEBHOOK_PATH}/instances/nobody"])
@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "a b", "[::1", "[]", "[:::]", "a:b", "a:-1", "a:99999999", "localhost:99999", "user@localhost"),
        *("\xe9", "http://x", "127.0.0.1:", "a/b", "a?b", "a#b", "%00", "a,b"),
    ],
)
def test_a_malformed_name_is_400(small_host: DevhostProcess, path: str, name: str) -> None:
    assert raw(small_host, f"GET {path} HTTP/1.1\r\nHost: {name}") == 400


def test_no_name_two_names_and_another_in_the_request_line(small_host: DevhostProcess) -> None:
    assert raw(small_host, "GET /api/mirror HTTP/1.1\r\nX: y") == 400
    assert raw(small_host, "GET /api/mirror HTTP/1.0\r\nX: y") == 400
    assert raw(small_host, "GET /api/mirror HTTP/1.1\r\nHost: localhost\r\nHost: localhost") == 400
    assert raw(small_host, f"GET {EVIL}/api/mirror HTTP/1.1\r\nHost: localhost") == 403
    assert raw(small_host, "GET http://localhost/api/mirror HTTP/1.1\r\nHost: localhost") == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": EVIL, **LINK},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://evil.localhost:9017", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://192.168.1.10:7071"},
        {"Origin": "http://["},
        {"Origin": "null"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
    ids=str,
)
def test_a_page_of_elsewhere_is_refused_on_every_route(
    http: httpx.Client, method: str, path: str, headers: dict[str, str]
) -> None:
    response = http.request(method, path, headers=headers)
    assert response.status_code == 403
    assert "Open the page from localhost" in response.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:3000"},
        {"Origin": "https://127.0.0.1"},
        {"Origin": "http://[::1]:7071"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
def test_programs_and_pages_of_this_machine_may_call(http: httpx.Client, headers: dict[str, str]) -> None:
    assert http.post("/api/mirror", headers=headers).status_code == 200


def test_a_link_may_lead_here_from_anywhere_but_not_send_anything(http: httpx.Client) -> None:
    assert http.get("/api/mirror", headers=LINK).status_code == 200
    assert http.post("/api/mirror", headers=LINK).status_code == 403


def test_a_host_open_to_others_has_other_names_but_no_other_pages(open_host: DevhostProcess) -> None:
    with open_host.client() as http:
        for name in ("runs.example.com:8080", "10.0.0.1", "localhost"):
            assert http.post("/api/mirror", headers={"Host": name}).status_code == 200
        address = {"Host": "10.0.0.1:7071", "Origin": "http://10.0.0.1:7071"}
        assert http.post("/api/mirror", headers=address).status_code == 200
        assert http.post("/api/mirror", headers={"Origin": EVIL}).status_code == 403
        # Anybody's name can be made to point here.
        rebound = {"Host": "evil.example:7071", "Origin": "http://evil.example:7071"}
        assert http.post("/api/mirror", headers=rebound).status_code == 403
        assert raw(open_host, "GET /api/mirror HTTP/1.1\r\nHost: a b") == 400
