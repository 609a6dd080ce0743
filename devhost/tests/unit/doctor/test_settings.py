"""Settings that are missing, misspelt, or have no value yet."""

import json
from pathlib import Path

import pytest

from devhost.doctor import settings
from devhost.doctor.finding import Level
from devhost.tests.unit.doctor.sick_app import FUNCTION_APP, make, only, place_of, with_values, write_app

READS = {"function_app.py": f"{FUNCTION_APP}\nimport os\nos.environ.get('SMTP_URL')\nos.environ.get('REVIEWERS')\n"}


def test_no_file_for_func_start(tmp_path: Path) -> None:
    app = write_app(tmp_path)
    (app / "local.settings.json").rename(app / "local.settings.json.example")
    assert only(settings.no_settings_file(place_of(app))).level is Level.NOTE
    assert [*settings.missing_settings(place_of(app))] == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "is not valid JSON"),
        ('{"Values": {"PORT": 1}}', "every value must be a string"),
        ('{"IsEncrypted": true, "Values": {}}', "encrypted"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, text: str, what: str) -> None:
    assert what in make(tmp_path, settings.unusable_settings_file, {"local.settings.json": text}).what


@pytest.mark.parametrize("runtime", [None, "node"])
def test_a_worker_of_another_language(tmp_path: Path, runtime: str | None) -> None:
    one = make(tmp_path, settings.wrong_runtime, with_values(FUNCTIONS_WORKER_RUNTIME=runtime))
    assert repr(runtime) in one.what and "0 functions" in one.what


@pytest.mark.parametrize("name", ["TASKHUB_NAME", "SCHEDULER", "AzureWebJobsStorage"])
def test_a_setting_that_host_json_needs(tmp_path: Path, name: str) -> None:
    one = make(tmp_path, settings.missing_settings, with_values(**{name: None}))
    assert one.level is Level.FAULT and one.what.startswith(f"{name} is not set")
    told = {f"{name}__accountName": "a"} if name == "AzureWebJobsStorage" else {name: "a"}
    assert [*settings.missing_settings(place_of(tmp_path / "app", **told))] == []


def test_a_value_that_was_to_be_replaced(tmp_path: Path) -> None:
    assert "<your hub>" in make(tmp_path, settings.placeholders, with_values(TASKHUB_NAME="<your hub>")).what


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("SMTP_ULR", "SMTP_URL?"),
        ("smtp_url", "SMTP_URL?"),
        ("FUNCTION_WORKER_RUNTIME", "FUNCTIONS_WORKER_RUNTIME?"),
        ("AzureWebJobStorage", "AzureWebJobsStorage?"),
        ("OLD_NAME", "Remove it"),
    ],
)
def test_a_name_that_nothing_reads(tmp_path: Path, name: str, fix: str) -> None:
    one = make(tmp_path, settings.unread_settings, READS | with_values(SMTP_URL="smtp://x:587", **{name: "1"}))
    assert one.level is Level.WARNING and name in one.what and fix in one.fix


def test_a_setting_of_the_deployment_that_nothing_reads(tmp_path: Path) -> None:
    extra = {"parameters": {"extraSettings": {"value": {"REVIEWER": "ada", "SMTP_URL": "smtp://x:587"}}}}
    one = make(tmp_path, settings.unread_settings, READS | {"infra/main.parameters.json": json.dumps(extra)})
    assert "REVIEWER" in one.what and "REVIEWERS?" in one.fix and one.where == "infra/main.parameters.json (Azure)"


def test_names_of_the_host_and_of_the_app_are_read(tmp_path: Path) -> None:
    names = (
        "REVIEWERS",
        "PYTHON_ENABLE_INIT_INDEXING",
        "OTEL_SERVICE_NAME",
        "WEBSITE_TIME_ZONE",
        "AzureWebJobsX__clientId",
    )
    override = "AzureFunctionsJobHost__logging__logLevel__default"
    app = write_app(tmp_path, READS | with_values(**dict.fromkeys((*names, override), "1")))
    assert json.loads((app / "local.settings.json").read_text())["Values"]["REVIEWERS"] == "1"
    assert [*settings.unread_settings(place_of(app))] == []
