"""host.json, its overrides and local.settings.json: what devhost obeys, and what it says about files it cannot use."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from devhost.app_settings import SettingsError, load_host_settings, load_local_settings


def host_json(root: Path, content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (root / "host.json").write_text(text, encoding="utf-8")


def local_settings(root: Path, content: Any, name: str = "local.settings.json") -> Path:
    path = root / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


# host.json


def test_defaults_are_azures(tmp_path: Path) -> None:
    host_json(tmp_path, {"version": "2.0"})
    settings = load_host_settings(tmp_path, {})
    cores = os.cpu_count() or 1
    assert (settings.route_prefix, settings.hub_name, settings.max_entity_batch) == ("api", "DevHub", 1)
    assert (settings.max_concurrent_activities, settings.max_concurrent_orchestrators) == (10 * cores, 10 * cores)


def test_values_are_read(tmp_path: Path) -> None:
    durable = {
        "hubName": "Mine",
        "maxConcurrentActivityFunctions": 3,
        "maxConcurrentOrchestratorFunctions": "4",
        "maxEntityOperationBatchSize": 5,
    }
    host_json(tmp_path, {"extensions": {"http": {"routePrefix": "/v1/"}, "durableTask": durable}})
    settings = load_host_settings(tmp_path, {})
    assert (settings.route_prefix, settings.hub_name) == ("v1", "Mine")
    limits = (settings.max_concurrent_activities, settings.max_concurrent_orchestrators, settings.max_entity_batch)
    assert limits == (3, 4, 5)


def test_prefix_may_be_empty(tmp_path: Path) -> None:
    host_json(tmp_path, {"extensions": {"http": {"routePrefix": ""}}})
    assert load_host_settings(tmp_path, {}).route_prefix == ""


def test_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_bytes(b'\xef\xbb\xbf{"extensions": {"durableTask": {"hubName": "Mine"}}}')
    assert load_host_settings(tmp_path, {}).hub_name == "Mine"


@pytest.mark.parametrize(
    ("name", "hub"), [("%HUB%", "FromSetting"), ("a-%HUB%-b", "a-FromSetting-b"), ("%NO%", "DevHub")]
)
def test_hub_name_may_be_an_app_setting(tmp_path: Path, name: str, hub: str) -> None:
    host_json(tmp_path, {"extensions": {"durableTask": {"hubName": name}}})
    assert load_host_settings(tmp_path, {"HUB": "FromSetting"}).hub_name == hub


def test_app_settings_override_any_value_and_make_what_is_not_there(tmp_path: Path) -> None:
    host_json(tmp_path, {"extensions": {"http": {"routePrefix": "v1"}}})
    settings = load_host_settings(
        tmp_path,
        {
            "AzureFunctionsJobHost__extensions__http__routePrefix": "v2",
            "AzureFunctionsJobHost__extensions__durableTask__hubName": "%HUB%",
            "AzureFunctionsJobHost__extensions__durableTask__maxConcurrentActivityFunctions": "7",
            "AzureFunctionsJobHost__logging__logLevel__default": "Debug",
            "HUB": "Theirs",
        },
    )
    assert (settings.route_prefix, settings.hub_name, settings.max_concurrent_activities) == ("v2", "Theirs", 7)


@pytest.mark.parametrize(
    "name",
    [
        "AZUREFUNCTIONSJOBHOST__EXTENSIONS__HTTP__ROUTEPREFIX",
        "AzureFunctionsJobHost__Extensions__Http__RoutePrefix",
        "azurefunctionsjobhost__extensions__http__routeprefix",
    ],
)
def test_overrides_ignore_case(tmp_path: Path, name: str) -> None:
    host_json(tmp_path, {"extensions": {"http": {"routePrefix": "v1"}}})
    assert load_host_settings(tmp_path, {name: "v2"}).route_prefix == "v2"


def test_folder_without_host_json_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refusal:
        load_host_settings(tmp_path, {})
    assert str(refusal.value) == f"There is no host.json in {tmp_path}: name the app's folder with --app-root."


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", "// a comment\n{}"])
def test_bad_json_is_refused_with_file_and_place(tmp_path: Path, text: str) -> None:
    host_json(tmp_path, text)
    with pytest.raises(SettingsError, match=r"host\.json is not valid JSON: .+line \d+ column \d+"):
        load_host_settings(tmp_path, {})


@pytest.mark.parametrize("content", [[], "text", 5, None])
def test_json_that_is_no_object_is_refused(tmp_path: Path, content: object) -> None:
    host_json(tmp_path, json.dumps(content))
    with pytest.raises(SettingsError, match=r"host\.json must hold a JSON object"):
        load_host_settings(tmp_path, {})


@pytest.mark.parametrize("value", ["many", None, [], {}])
def test_limit_that_is_no_number_is_refused_by_name(tmp_path: Path, value: object) -> None:
    host_json(tmp_path, {"extensions": {"durableTask": {"maxConcurrentActivityFunctions": value}}})
    with pytest.raises(SettingsError) as refusal:
        load_host_settings(tmp_path, {})
    assert f"extensions.durableTask.maxConcurrentActivityFunctions is {value!r}" in str(refusal.value)


@pytest.mark.parametrize(
    "content",
    [{"extensions": []}, {"extensions": {"http": "api"}}, {"extensions": {"durableTask": [1]}}],
    ids=json.dumps,
)
def test_section_that_is_no_object_is_refused_by_name(tmp_path: Path, content: object) -> None:
    host_json(tmp_path, content)
    with pytest.raises(SettingsError, match=r"host\.json: extensions.* must be an object"):
        load_host_settings(tmp_path, {})


def test_override_below_a_value_is_refused_by_name(tmp_path: Path) -> None:
    host_json(tmp_path, {"version": "2.0"})
    with pytest.raises(SettingsError, match="AzureFunctionsJobHost__version__x"):
        load_host_settings(tmp_path, {"AzureFunctionsJobHost__version__x": "1"})


# local.settings.json


def test_values_of_the_settings_file_are_given_with_its_path(tmp_path: Path) -> None:
    path = local_settings(tmp_path, {"IsEncrypted": False, "Values": {"A": "1", "B": ""}, "Host": {"CORS": "*"}})
    local_settings(tmp_path, {"Values": {"A": "example"}}, "local.settings.json.example")
    assert load_local_settings(tmp_path) == (path, {"A": "1", "B": ""})


def test_the_example_stands_in_until_there_is_a_file(tmp_path: Path) -> None:
    path = local_settings(tmp_path, {"Values": {"A": "example"}}, "local.settings.json.example")
    assert load_local_settings(tmp_path) == (path, {"A": "example"})


def test_no_file_is_no_settings(tmp_path: Path) -> None:
    assert load_local_settings(tmp_path) == (None, {})


def test_file_without_values_is_no_values(tmp_path: Path) -> None:
    path = local_settings(tmp_path, {"IsEncrypted": False})
    assert load_local_settings(tmp_path) == (path, {})


@pytest.mark.parametrize("value", [1, True, None, ["a"], {"a": "b"}])
def test_value_that_is_no_string_is_refused_by_name(tmp_path: Path, value: object) -> None:
    path = local_settings(tmp_path, {"Values": {"GOOD": "1", "BAD": value, "WORSE": value}})
    with pytest.raises(SettingsError) as refusal:
        load_local_settings(tmp_path)
    assert str(refusal.value) == f"{path}: every value must be a string; put quotes around BAD, WORSE."


def test_bad_json_in_settings_is_refused_with_the_file(tmp_path: Path) -> None:
    path = local_settings(tmp_path, '{"Values": {"A": "1",}}')
    with pytest.raises(SettingsError) as refusal:
        load_local_settings(tmp_path)
    assert str(refusal.value).startswith(f"{path} is not valid JSON: ")


@pytest.mark.parametrize("values", [[], "A=1"], ids=json.dumps)
def test_values_that_are_no_object_are_refused(tmp_path: Path, values: object) -> None:
    local_settings(tmp_path, {"Values": values})
    with pytest.raises(SettingsError, match=r"local\.settings\.json: Values must be an object"):
        load_local_settings(tmp_path)
