import azure.functions as func
import pytest

from durable_agents.app import AgentFunctionApp
from durable_agents.http.links import Links
from durable_agents.settings.hosting import HostingSettings

HOST = "https://inner.example.com:8080"
ROUTES = ("runs/runs", "agents/Writer/run", "api/refunds", "refunds/agents/7", "v1/runs/x", "")


def asked(path: str) -> func.HttpRequest:
    return func.HttpRequest("GET", f"{HOST}/{path}?code=k", body=b"")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("prefix", ["", "api", "v1/agents", "runs"])
@pytest.mark.parametrize(
    "public", [None, "https://shop.example.com", "https://shop.example.com/ai/", "http://[::1]:80"]
)
def test_a_link_has_the_prefix_and_the_public_address_whatever_the_request_was(
    route: str, prefix: str, public: str | None
) -> None:
    begin = (public or HOST).rstrip("/") + (f"/{prefix}" if prefix else "")
    request = asked(f"{prefix}/{route}".lstrip("/"))
    assert Links(prefix, public).to(request, "runs", "r-1") == f"{begin}/runs/r-1"


@pytest.mark.parametrize(
    ("prefix", "expected"), [("", "http://own/review"), ("v1/agents", "http://own/v1/agents/review")]
)
def test_a_link_that_nobody_asked_for_leads_to_the_public_address_or_to_the_own_one(prefix: str, expected: str) -> None:
    assert Links(prefix, None, "http://own").at("review") == expected
    assert Links(prefix, "https://a/b", "http://own").at("review") == expected.replace("http://own", "https://a/b")


def test_an_app_has_links_for_routes_of_its_own() -> None:
    app = AgentFunctionApp(settings=HostingSettings.from_environ({}))
    assert app.link(asked("api/refunds"), "runs", "r-1") == f"{HOST}/api/runs/r-1"
    app.links = Links("v1", "https://shop.example.com")
    assert app.link(asked("v1/refunds"), "runs", "r-1") == "https://shop.example.com/v1/runs/r-1"
