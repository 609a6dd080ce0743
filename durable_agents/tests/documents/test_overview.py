"""The overview: an agent in one line, agents in a row, and four graphs, none of which has a name."""

import time
from typing import Any

import pytest

DOCUMENT = "overview"
pytestmark = pytest.mark.sample


def start(document: Any, workflow: str, content: str, kind: str = "text/plain") -> dict[str, Any]:
    """Run a workflow and return the answer at its end."""
    answer = document.http.post(
        f"/api/workflow/{workflow}/run",
        params={"waitForResponse": "true", "timeoutSeconds": 30},
        content=content,
        headers={"Content-Type": kind},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["runtimeStatus"] == "Completed", answer.text
    ended: dict[str, Any] = answer.json()
    return ended


def test_an_agent_in_one_line(document: Any) -> None:
    answer = document.http.post("/api/agents/DocumentPublisher/run", json={"message": "Write about tea"})
    assert (answer.status_code, answer.json()["status"]) == (200, "success")


def test_agents_in_a_row(run: Any) -> None:
    assert run("document_publishing_orchestration", {"topic": "tea"}).startswith("Published 'tea' with ")


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        ("Hello there", "text/plain", "Hello there"),
        ("Hello there", "application/x-www-form-urlencoded", "Hello there"),
        ('"Hello there"', "application/json", "Hello there"),
        ('{"subject": "Hello"}', "application/json", '{"subject": "Hello"}'),
        ('{"subject": "Hello"}', "text/plain", '{"subject": "Hello"}'),
        ("12", "text/plain", "12"),
    ],
)
def test_a_chain_that_begins_with_a_text(document: Any, content: str, kind: str, text: str) -> None:
    assert start(document, "store_email", content, kind)["output"] == [f"Complete: Processed: {text}..."]


@pytest.mark.parametrize(("content", "kind"), [("", "text/plain"), ("{", "application/json"), (b"\xff", "text/plain")])
def test_what_is_no_text_starts_nothing(document: Any, content: Any, kind: str) -> None:
    answer = document.http.post("/api/workflow/store_email/run", content=content, headers={"Content-Type": kind})
    assert answer.status_code == 400


def test_a_key_is_for_one_text(document: Any) -> None:
    headers = {"Idempotency-Key": "one", "Content-Type": "text/plain"}
    url = "/api/workflow/store_email/run"
    first, again = (document.http.post(url, content="Hello", headers=headers) for _ in range(2))
    assert first.json()["instanceId"] == again.json()["instanceId"]
    assert document.http.post(url, content="Goodbye", headers=headers).status_code == 422


def test_two_agents_at_the_same_time(document: Any) -> None:
    (output,) = start(document, "input_router", "I love tea.")["output"]
    assert "[SentimentAnalysisAgent]: " in output
    assert "[KeywordExtractionAgent]: " in output


def test_a_branch_on_what_an_agent_says(document: Any) -> None:
    spam = start(document, "SpamDetectionAgent", "You won a prize! Click now.")["output"]
    mail = start(document, "SpamDetectionAgent", '{"text": "Shall we meet on Monday?"}', "application/json")["output"]
    assert [output.partition(":")[0] for output in (*spam, *mail)] == ["Email marked as spam", "Email sent"]


def start_waiting(document: Any, workflow: str, text: str, requests: int = 1) -> tuple[str, dict[str, str]]:
    """Start a run, and return its id and the URLs for answers, by the type of the answer, when it waits for them."""
    answer = document.http.post(f"/api/workflow/{workflow}/run", content=text, headers={"Content-Type": "text/plain"})
    run_id = answer.json()["instanceId"]
    deadline = time.monotonic() + 20
    while True:
        status = document.http.get(f"/api/workflow/{workflow}/status/{run_id}").json()
        pending = status.get("pendingHumanInputRequests", [])
        if len(pending) == requests:
            return run_id, {one["responseType"]: one["respondUrl"] for one in pending}
        assert time.monotonic() < deadline, status
        time.sleep(0.05)


def test_a_human_in_a_graph(document: Any) -> None:
    run_id, urls = start_waiting(document, "moderation", "A nice text")
    (url,) = urls.values()
    elsewhere = document.http.post(f"/api/approval/{run_id}", json={"approved": True})
    assert (elsewhere.status_code, elsewhere.json()["respond_urls"]) == (409, [url])
    assert document.http.post(url, json={"approved": "perhaps"}).status_code == 400
    assert document.http.post(url, json={"approved": True, "reviewer_notes": "Fine"}).status_code == 200
    done = document.wait(run_id, lambda run: run["runtime_status"] == "Completed")
    assert done["output"] == ["Content approved: Fine"]


def test_humans_are_asked_for_more_than_models(document: Any) -> None:
    run_id, urls = start_waiting(document, "purchase", "tea", requests=2)
    assert document.http.post(urls["builtins:bool"], json="yes").status_code == 400
    assert document.http.post(urls["builtins:str"], json=True).status_code == 400
    assert document.http.post(urls["builtins:str"], json="thirst").status_code == 200
    assert document.http.post(urls["builtins:bool"], json=False).status_code == 200
    assert document.http.post(urls["builtins:bool"], json=False).status_code == 200
    assert document.http.post(urls["builtins:bool"], json=True).status_code == 409
    done = document.wait(run_id, lambda run: run["runtime_status"] == "Completed")
    assert sorted(done["output"]) == ["tea: False", "tea: thirst"]


def test_the_api_document_shows_that_a_text_will_do(document: Any) -> None:
    paths = document.http.get("/api/openapi.json").json()["paths"]
    assert {"text/plain", "application/json"} == paths["/workflow/store_email/run"]["post"]["requestBody"][
        "content"
    ].keys()
