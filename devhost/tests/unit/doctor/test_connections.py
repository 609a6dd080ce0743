"""Connections that are malformed, or at whose end nobody listens."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devhost.doctor import connections
from devhost.doctor.finding import Level
from devhost.testing.ports import free_port
from devhost.tests.unit.doctor.sick_app import make, place_of, with_durable_task, with_values, write_app


@contextmanager
def listener() -> Iterator[int]:
    """Listen on a port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("http://localhost:8080", "has no Endpoint and no Authentication"),
        ("Endpoint=http://localhost:8080", "has no Authentication"),
        ("Endpoint=localhost:8080;Authentication=None", "is no http(s) URL"),
        ("Endpoint=http://[::1;Authentication=None", "is no http(s) URL"),
        ("Endpoint=http://localhost:99999;Authentication=None", "is no http(s) URL"),
        ("Endpoint=http://localhost:8080;Authentication=Managed", "'Managed' is unknown"),
    ],
)
def test_a_malformed_connection_of_the_scheduler(tmp_path: Path, text: str, what: str) -> None:
    one = make(tmp_path, connections.malformed_scheduler, with_values(SCHEDULER=text))
    assert one.level is Level.FAULT and what in one.what and "SCHEDULER" in one.where


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("Endpoint=https://a.westeurope.durabletask.io;Authentication=None", "ManagedIdentity"),
        ("Endpoint=http://localhost:8080;Authentication=DefaultAzure", "None"),
    ],
)
def test_an_authentication_that_does_not_fit_the_address(tmp_path: Path, text: str, fix: str) -> None:
    assert fix in make(tmp_path, connections.scheduler_credentials, with_values(SCHEDULER=text)).fix


def test_two_names_of_one_hub(tmp_path: Path) -> None:
    text = "Endpoint=http://localhost:8080;Authentication=None;TaskHub={}"
    one = make(tmp_path, connections.another_hub, with_values(SCHEDULER=text.format("other")))
    assert "'other'" in one.what and "'default'" in one.what
    app = write_app(tmp_path / "same", with_values(SCHEDULER=text.format("Default")))
    assert [*connections.another_hub(place_of(app))] == []


def test_a_scheduler_that_does_not_answer(tmp_path: Path) -> None:
    text = "Endpoint=http://localhost:{};Authentication=None"
    one = make(tmp_path, connections.unreachable_scheduler, with_values(SCHEDULER=text.format(free_port())))
    assert one.level is Level.WARNING and "Runs stay Pending" in one.what
    with listener() as port:
        app = write_app(tmp_path / "there", with_values(SCHEDULER=text.format(port)))
        assert [*connections.unreachable_scheduler(place_of(app))] == []


def test_a_scheduler_that_is_not_chosen_is_not_looked_at(tmp_path: Path) -> None:
    app = write_app(tmp_path, with_values(SCHEDULER="nonsense") | with_durable_task(storageProvider={}))
    assert [*connections.malformed_scheduler(place_of(app))] == []
    override = {"AzureFunctionsJobHost__extensions__durableTask__storageProvider__type": "azureManaged"}
    assert [*connections.malformed_scheduler(place_of(app, SCHEDULER="x", **override))] == []
    named = override | {
        "AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName": "SCHEDULER"
    }
    assert len([*connections.malformed_scheduler(place_of(app, **named))]) == 1


def test_a_malformed_storage(tmp_path: Path) -> None:
    one = make(tmp_path, connections.malformed_storage, with_values(AzureWebJobsStorage="myaccount"))
    assert "no connection string" in one.what and "myaccount" not in one.what


def test_azurite_that_does_not_answer(tmp_path: Path) -> None:
    with listener() as port:
        text = f"AccountName=a;BlobEndpoint=http://127.0.0.1:{port}/a;QueueEndpoint=http://127.0.0.1:{free_port()}/a"
        one = make(tmp_path, connections.unreachable_azurite, with_values(AzureWebJobsStorage=text))
    assert "queue at" in one.what and "blob" not in one.what
    app = write_app(tmp_path / "development", with_values(AzureWebJobsStorage="UseDevelopmentStorage=true"))
    assert all("127.0.0.1:1000" in found.what for found in connections.unreachable_azurite(place_of(app)))
