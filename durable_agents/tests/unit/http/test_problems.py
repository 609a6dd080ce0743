import json
from typing import Any

import aiohttp
import azure.functions as func
import pytest
from pydantic import BaseModel, ValidationError

from durable_agents.http.problems import ProblemError, handle_problems, invalid_body

REQUEST = func.HttpRequest("GET", "http://localhost/api/runs/r1?code=key", body=b"")


async def answer_of(error: Exception) -> tuple[func.HttpResponse, dict[str, Any]]:
    @handle_problems
    async def fail(req: func.HttpRequest) -> func.HttpResponse:
        raise error

    response = await fail(req=REQUEST)
    return response, json.loads(response.get_body())


async def test_a_problem_is_answered_in_one_shape() -> None:
    response, body = await answer_of(ProblemError(404, "unknown-run", "There is no run 'r1'.", known=[]))
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")
    assert body == {
        "type": "urn:problem:unknown-run",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no run 'r1'.",
        "instance": "/api/runs/r1",
        "error": "There is no run 'r1'.",
        "known": [],
    }


async def test_what_nobody_expected_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    response, body = await answer_of(RuntimeError("secret"))
    assert (response.status_code, body["type"]) == (500, "urn:problem:unexpected-error")
    assert b"secret" not in response.get_body()
    assert "secret" in caplog.text


async def test_a_task_hub_that_is_away_is_503() -> None:
    response, _ = await answer_of(aiohttp.ClientConnectionError("refused"))
    assert response.status_code == 503


def test_wrong_fields_are_named_but_their_values_are_not_repeated() -> None:
    class Inner(BaseModel):
        number: int

    class Outer(BaseModel):
        inner: Inner
        name: str

    with pytest.raises(ValidationError) as error:
        Outer.model_validate({"inner": {"number": "secret"}})
    problem = invalid_body(error.value)
    assert [item["field"] for item in problem.members["errors"]] == ["inner.number", "name"]
    assert "secret" not in json.dumps(problem.members) + problem.detail
