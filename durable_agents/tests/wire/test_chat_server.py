"""The server of the tests themselves: in a thread, with answers that a function chooses."""

from collections.abc import Mapping

import httpx
import pytest

from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, Failure

FORM = {"type": "json_schema", "json_schema": {"name": "Text", "schema": {"type": "object"}}}


def ask(server: ChatCompletionsServer, *messages: Mapping[str, object], **body: object) -> httpx.Response:
    return httpx.post(
        f"{server.base_url}/chat/completions",
        json={"model": server.model, "messages": messages, **body},
        headers={"Authorization": f"Bearer {server.api_key}"},
    )


SYSTEM = {"role": "system", "content": "You write."}
USER = {"role": "user", "content": [{"type": "text", "text": "Tea."}]}


def test_a_function_answers_what_is_not_scripted() -> None:
    with ChatCompletionsServer() as server:
        server.answer_by(lambda request: Answer(f"{request.instructions} {request.message} {request.output_model}"))
        server.script(Failure(500, "Not now."))
        assert ask(server, USER).status_code == 500
        said = ask(server, SYSTEM, USER, response_format=FORM).json()["choices"][0]["message"]["content"]
        assert said == "You write. Tea. Text"
        assert ask(server, SYSTEM, USER).json()["choices"][0]["message"]["content"] == "You write. Tea. None"
        assert (len(server.requests), server.unused_steps) == (3, 0)
        url = server.base_url
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_a_port_that_is_taken_is_an_error_of_the_test() -> None:
    with ChatCompletionsServer() as server:
        port = httpx.URL(server.base_url).port
        assert port is not None
        with pytest.raises(OSError, match="in use"), ChatCompletionsServer(port=port):
            pass


def test_a_request_without_a_step_is_refused() -> None:
    with ChatCompletionsServer() as server:
        assert ask(server, USER).json()["error"]["code"] == "script_exhausted"
        assert server.requests == []


def test_it_is_an_azure_openai_with_a_token_and_a_deployment() -> None:
    with ChatCompletionsServer() as server:
        server.answer_by(lambda request: Answer("Tea."))

        def status(deployment: str, token: str, **query: str) -> int:
            url = f"{server.azure_endpoint}/openai/deployments/{deployment}/chat/completions"
            body, headers = {"model": server.model, "messages": [USER]}, {"Authorization": f"Bearer {token}"}
            return httpx.post(url, params=query, json=body, headers=headers).status_code

        version = {"api-version": "2024-10-21"}
        assert status(server.model, server.api_key, **version) == 200
        assert status(server.model, server.api_key) == 404
        assert status("another", server.api_key, **version) == 404
        assert status(server.model, "wrong", **version) == 401
