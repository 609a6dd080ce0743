"""The plain client of `openai` for each provider's settings, and the offline model behind its protocol."""

import subprocess
import sys
from typing import Any

import openai
import pytest
from openai import AzureOpenAI

from durable_agents import create_openai_client
from durable_agents.settings.groups import AzureOpenAISettings, FoundrySettings, OfflineSettings, OpenAISettings

ENDPOINT = "https://resource.openai.azure.com"
PROJECT = "https://resource.services.ai.azure.com/api/projects/project"
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def ask(*messages: dict[str, Any], **options: Any) -> Any:
    """Return what the offline model says."""
    said: Any = list(messages)
    client = create_openai_client(OfflineSettings()).client
    return client.chat.completions.create(model="offline", messages=said, **options)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


@pytest.mark.parametrize("key", ["k", None])
def test_azure_openai(key: str | None) -> None:
    model = create_openai_client(AzureOpenAISettings(ENDPOINT, "chat", api_key=key))
    assert isinstance(model.client, AzureOpenAI)
    assert (model.name, str(model.client.base_url)) == ("chat", f"{ENDPOINT}/openai/")
    assert (model.client._azure_ad_token_provider is None) == (key is not None)


def test_foundry() -> None:
    model = create_openai_client(FoundrySettings(PROJECT, "chat"))
    assert (model.name, str(model.client.base_url)) == ("chat", f"{PROJECT}/openai/v1/")


def test_an_openai_compatible_endpoint_with_its_limits() -> None:
    settings = OpenAISettings("k", "chat", "http://localhost:11434/v1")
    model = create_openai_client(settings, timeout_seconds=5, max_retries=0)
    assert (model.name, str(model.client.base_url), model.client.api_key) == ("chat", "http://localhost:11434/v1/", "k")
    assert (model.client.timeout, model.client.max_retries) == (5, 0)
    assert create_openai_client(settings, timeout_seconds=5, max_retries=0) is model


def test_the_library_loads_no_provider_before_a_client_is_made() -> None:
    program = "import sys, durable_agents; print('openai' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout == "False\n"


def test_the_offline_model_answers_in_the_protocol() -> None:
    said = ({"role": "system", "content": "Be brief."}, user("Tea?"), {"role": "assistant", "content": "Yes."})
    answer = ask(*said, user("Hello"))
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content.startswith("[offline model] Turn 2 of this conversation")
    assert 'before that you wrote: "Tea?"' in answer.choices[0].message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_the_offline_model_calls_a_tool_and_reads_its_result() -> None:
    asked = user("How is the weather in Oslo?")
    called = ask(asked, tools=[WEATHER]).choices[0]
    (call,) = called.message.tool_calls
    assert (called.finish_reason, called.message.content) == ("tool_calls", None)
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city": "Oslo"}')
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    answer = ask(asked, called.message.model_dump(exclude_none=True), result, tools=[WEATHER])
    assert 'a tool answered: "sunny"' in answer.choices[0].message.content


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ("none", "stop"),
        ("auto", "stop"),
        ("required", "tool_calls"),
        ({"type": "function", "function": {"name": "get_weather"}}, "tool_calls"),
    ],
)
def test_the_offline_model_keeps_to_the_choice_of_tools(choice: Any, reason: str) -> None:
    assert ask(user("Hello"), tools=[WEATHER], tool_choice=choice).choices[0].finish_reason == reason


def test_the_offline_model_answers_in_a_schema_and_reads_parts() -> None:
    schema = {"type": "object", "properties": {"is_spam": {"type": "boolean"}}, "required": ["is_spam"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "V", "schema": schema}}
    parts = {
        "role": "user",
        "content": [{"type": "text", "text": "You won the lottery, "}, {"type": "text", "text": "a prize"}],
    }
    assert ask(parts, response_format=wanted).choices[0].message.content == '{"is_spam": true}'


def test_what_the_offline_model_cannot_do_is_an_error() -> None:
    with pytest.raises(openai.BadRequestError, match="does not stream"):
        ask(user("Hello"), stream=True)
    with pytest.raises(openai.BadRequestError, match="got no message to answer"):
        ask({"role": "system", "content": "Be brief."})
    with pytest.raises(openai.NotFoundError, match="chat completions only"):
        create_openai_client(OfflineSettings()).client.models.list()
