"""The pinned SDK still answers the recorded turns as it did on Azure's own extension.

Each turn is what the extension sent to the worker; it is handed to the function that the reference app registered.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

HERE = Path(__file__).resolve().parent
TURNS: dict[str, Any] = json.loads((HERE / "recordings" / "turns.json").read_text(encoding="utf-8"))
CLIENT_BINDING = "durable client"
EXECUTION_STARTED = 0

Functions = Mapping[str, Callable[[Any], Any]]


@dataclass(frozen=True, slots=True)
class Body:
    """What the worker hands to the function of an orchestration or entity."""

    body: str


@pytest.fixture(scope="module")
def functions(registered: list[Any]) -> Functions:
    """The reference app's functions by name."""
    return {function.get_function_name(): function.get_user_function() for function in registered}


def recorded_turns(kind: str) -> list[Any]:
    """Return (function name, turn) of one kind of function: orchestration, entity or activity."""
    found = []
    for title, turns in TURNS.items():
        words = title.split() if title.startswith(("entity ", "activity ")) else ["orchestration"]
        if title != CLIENT_BINDING and words[0] == kind:
            for number, turn in enumerate(turns, 1):
                name = words[1] if len(words) > 1 else orchestration_name(turn)
                found.append(pytest.param(name, turn, id=f"{title}, turn {number}"))
    return found


def orchestration_name(turn: Mapping[str, Any]) -> str:
    names = [event["Name"] for event in turn["request"]["history"] if event["EventType"] == EXECUTION_STARTED]
    return str(names[0])


def response(function: Callable[[Any], Any], argument: object) -> dict[str, object]:
    """Return what the function answers in the shape of the recording."""
    try:
        returned = function(argument)
    except Exception as error:
        return {"raised": f"{type(error).__name__}: {error}"}
    return {"returned": json.loads(returned) if isinstance(argument, Body) else returned, "datum": "json"}


@pytest.mark.parametrize(("name", "turn"), recorded_turns("orchestration"))
def test_orchestration_answers_as_recorded(functions: Functions, name: str, turn: dict[str, Any]) -> None:
    assert response(functions[name], Body(json.dumps(turn["request"]))) == turn["response"]


@pytest.mark.parametrize(("name", "turn"), recorded_turns("entity"))
def test_entity_answers_as_recorded(functions: Functions, name: str, turn: dict[str, Any]) -> None:
    answer = response(functions[name], Body(json.dumps(turn["request"])))
    assert without_times(answer) == without_times(turn["response"])


@pytest.mark.parametrize(("name", "turn"), recorded_turns("activity"))
def test_activity_answers_as_recorded(functions: Functions, name: str, turn: dict[str, Any]) -> None:
    assert response(functions[name], turn["request"]) == turn["response"]


def without_times(answer: dict[str, Any]) -> dict[str, Any]:
    results = [{**result, "startTime": 0, "duration": 0} for result in answer["returned"]["results"]]
    return {**answer, "returned": {**answer["returned"], "results": results}}


def test_client_takes_the_recorded_binding() -> None:
    binding = TURNS[CLIENT_BINDING]
    client = df.DurableOrchestrationClient(json.dumps(binding))
    payload = client.create_http_management_payload("r-42")
    urls = binding["managementUrls"]
    assert payload == {key: "r-42" if key == "id" else url.replace(urls["id"], "r-42") for key, url in urls.items()}
