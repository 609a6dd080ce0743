"""A deep health check asks the task hub and the model, and says which of them does not answer."""

from typing import Any

import httpx
import pytest

from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, Failure
from durable_agents.tests.wire.faults import Body, EndedStream


@pytest.mark.sample
def test_all_is_well_with_the_offline_model(api: Any) -> None:
    health = api.http.get("/api/health/details", params={"deep": "1"}).json()
    assert health["status"] == "healthy"
    statuses = {name: check["status"] for name, check in health["checks"].items()}
    assert statuses == {"task_hub": "ok", "model": "ok", "approval_links": "ok"}
    assert "checks" not in api.http.get("/api/health/details", params={"deep": "0"}).json()


def test_anybody_is_told_that_the_app_is_up_and_nothing_else(api: Any) -> None:
    assert api.http.get("/api/health").json() == {"status": "healthy"}
    refused = api.http.get("/api/health", params={"deep": "1"})
    assert refused.status_code == 403
    assert "/api/health/details?deep=1" in refused.json()["detail"]


def test_how_deep_is_0_or_1(api: Any) -> None:
    answer = api.http.get("/api/health/details", params={"deep": "yes"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "deep"


async def test_a_model_that_refuses_is_named_without_its_words(start_host: Any, model: ChatCompletionsServer) -> None:
    model.script(Failure(401, "Incorrect API key provided: sk-secret"))
    host = start_host(**model.settings)
    async with httpx.AsyncClient(base_url=host.url, timeout=30) as http:
        answer = await http.get("/api/health/details", params={"deep": "1"})
        assert answer.status_code == 503
        problem = answer.json()
        assert (problem["type"], problem["checks"]["task_hub"]["status"]) == ("urn:problem:unhealthy", "ok")
        refused = "The model provider answered 401. Check the key or the identity of the app."
        assert problem["checks"]["model"]["error"] == refused
        assert "sk-secret" not in answer.text
        assert (await http.get("/api/health")).status_code == 200


@pytest.mark.parametrize(
    ("step", "reason"),
    [(EndedStream("OK"), "ended early"), (Answer(""), "is empty"), (Body("<p>Sign in</p>", "text/html"), "base URL")],
)
async def test_what_is_no_whole_answer_is_no_sign_of_health(
    start_host: Any, model: ChatCompletionsServer, step: Any, reason: str
) -> None:
    model.script(step)
    async with httpx.AsyncClient(base_url=start_host(**model.settings).url, timeout=30) as http:
        answer = await http.get("/api/health/details", params={"deep": "1"})
        assert answer.status_code == 503
        assert reason in answer.json()["checks"]["model"]["error"]


async def test_the_model_is_asked_once_however_many_ask(start_host: Any, model: ChatCompletionsServer) -> None:
    model.script(Answer("OK"))
    host = start_host(**model.settings)
    async with httpx.AsyncClient(base_url=host.url, timeout=30) as http:
        answers = [await http.get("/api/health/details", params={"deep": "1"}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert len(model.requests) == 1
