import azure.functions as func
import pytest

from durable_agents.http.requests import link


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:7071/api/runs/email_triage?code=k", "http://localhost:7071/api/agents/Writer/run"),
        ("https://app.example.com/runs/runs", "https://app.example.com/agents/Writer/run"),
        ("https://app.example.com/v1/api/agents", "https://app.example.com/v1/api/agents/Writer/run"),
        ("https://app.example.com/API/Approval/r1", "https://app.example.com/API/agents/Writer/run"),
    ],
)
def test_links_keep_the_prefix_of_the_request(url: str, expected: str) -> None:
    assert link(func.HttpRequest("GET", url, body=b""), "agents", "Writer", "run") == expected
