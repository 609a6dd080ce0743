"""Faults of host.json."""

from pathlib import Path
from typing import Any

import pytest

from devhost.doctor import host_json
from devhost.doctor.finding import Level
from devhost.tests.unit.doctor.sick_app import make, only, place_of, with_durable_task, with_host, write_app

BUNDLE = "Microsoft.Azure.Functions.ExtensionBundle"


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({"host.json": "{"}, "is not valid JSON"),
        (with_host(functionTimeout="soon"), "functionTimeout is 'soon'"),
        (with_host(version="4"), "version is '4'"),
    ],
)
def test_a_file_that_no_host_takes(tmp_path: Path, files: dict[str, str], what: str) -> None:
    assert what in make(tmp_path, host_json.unusable_host_json, files).what


def test_no_file(tmp_path: Path) -> None:
    (write_app(tmp_path) / "host.json").unlink()
    assert "There is no host.json" in only(host_json.unusable_host_json(place_of(tmp_path))).what


def test_no_bundle(tmp_path: Path) -> None:
    one = make(tmp_path, host_json.no_bundle, with_host(extensionBundle={}))
    assert "every durable function is in error" in one.what
    (tmp_path / "app" / "extensions.csproj").touch()
    assert [*host_json.no_bundle(place_of(tmp_path / "app"))] == []


@pytest.mark.parametrize(
    ("bundle", "what"),
    [
        ({"id": BUNDLE, "version": "[3.*, 4.0.0)"}, "do not have the provider azureManaged"),
        ({"id": BUNDLE, "version": "4"}, "is no range"),
        ({"id": "Bundle", "version": "[4.32.0, 5.0.0)"}, "which no host knows"),
    ],
)
def test_a_bundle_that_does_not_do(tmp_path: Path, bundle: dict[str, Any], what: str) -> None:
    assert what in make(tmp_path, host_json.bad_bundle, with_host(extensionBundle=bundle)).what


@pytest.mark.parametrize("version", ["[4.*, 5.0.0)", "[4.0.0, 5.0.0)", "[4.38.1]", "[4.32.0, )"])
def test_a_bundle_that_does(tmp_path: Path, version: str) -> None:
    app = write_app(tmp_path, with_host(extensionBundle={"id": BUNDLE, "version": version}))
    assert [*host_json.bad_bundle(place_of(app))] == []


def test_a_bundle_that_func_start_has_to_load_first(tmp_path: Path) -> None:
    there = tmp_path / "home" / ".azure-functions-core-tools" / "Functions" / "ExtensionBundles" / BUNDLE
    (there / "4.31.0").mkdir(parents=True)
    place = place_of(write_app(tmp_path / "app"), HOME=str(tmp_path / "home"))
    one = only(host_json.bundle_to_download(place))
    assert one.level is Level.WARNING and "there: 4.31.0" in one.what
    (there / "4.38.0").mkdir()
    assert [*host_json.bundle_to_download(place)] == []


def test_a_time_out_below_that_of_a_turn(tmp_path: Path) -> None:
    one = make(tmp_path, host_json.short_time_out, with_host(functionTimeout="00:00:30"))
    assert one.level is Level.WARNING and "0:00:30" in one.what


def test_a_provider_that_the_extension_has_not(tmp_path: Path) -> None:
    files = with_durable_task(storageProvider={"type": "azureManagd"})
    assert "'azureManagd'" in make(tmp_path, host_json.unknown_provider, files).what


def test_a_hub_name_that_storage_refuses(tmp_path: Path) -> None:
    one = make(tmp_path, host_json.bad_hub_name, with_durable_task(hubName="my-hub", storageProvider={}))
    assert "'my-hub'" in one.what
