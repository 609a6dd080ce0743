"""Steering instances and entities through the management API, and its answer to what is not there."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.protocol.client_binding import RPC_PATH
from devhost.tests.support.hub_over_http import ROOT, HubOverHttp

# Other calls


@pytest.mark.parametrize("operation", ["terminate", "suspend", "resume", "raiseEvent/go"])
def test_unknown_run_is_404_for_everything(hub: HubOverHttp, operation: str) -> None:
    response = hub.post(f"instances/nobody/{operation}", json=1)
    assert (response.status_code, response.content) == (404, b"")


@pytest.mark.parametrize("operation", ["terminate", "suspend", "resume", "raiseEvent/go"])
def test_completed_run_is_410_for_everything(hub: HubOverHttp, prefix: str, operation: str) -> None:
    hub.run("echo", f"{prefix}a")
    assert hub.post(f"instances/{prefix}a/{operation}", json=1).status_code == 410


def test_terminate_ends_the_run_with_the_reason_as_output(hub: HubOverHttp, prefix: str) -> None:
    hub.start("wait_for_go", f"{prefix}a")
    assert hub.post(f"instances/{prefix}a/terminate?reason=not%20needed").status_code == 202
    assert hub.until(f"{prefix}a", "Terminated")["output"] == "not needed"


def test_suspended_run_keeps_its_events_until_it_is_resumed(hub: HubOverHttp, prefix: str) -> None:
    hub.start("wait_for_go", f"{prefix}a")
    assert hub.post(f"instances/{prefix}a/suspend?reason=x").status_code == 202
    hub.until(f"{prefix}a", "Suspended")
    assert hub.raise_event(f"{prefix}a", "go", 7).status_code == 202
    again = hub.post(f"instances/{prefix}a/suspend")
    assert again.status_code == 500
    assert again.json()["ExceptionMessage"] == (
        f"Cannot suspend the orchestration instance {prefix}a because instance is in the Suspended state."
    )
    assert hub.post(f"instances/{prefix}a/resume").status_code == 202
    assert hub.until(f"{prefix}a", "Completed")["output"] == 7


def test_suspended_run_can_be_terminated(hub: HubOverHttp, prefix: str) -> None:
    hub.start("wait_for_go", f"{prefix}a")
    hub.post(f"instances/{prefix}a/suspend")
    hub.until(f"{prefix}a", "Suspended")
    hub.post(f"instances/{prefix}a/terminate?reason=enough")
    assert hub.until(f"{prefix}a", "Terminated")["output"] == "enough"


def test_resume_of_a_running_run_is_refused_with_its_state(hub: HubOverHttp, prefix: str) -> None:
    hub.start("wait_for_go", f"{prefix}a")
    hub.until(f"{prefix}a", "Running")
    response = hub.post(f"instances/{prefix}a/resume")
    assert response.status_code == 500
    assert "is in the Running state" in response.json()["ExceptionMessage"]


def test_two_requests_to_suspend_are_undone_by_one_to_resume(hub: HubOverHttp, prefix: str) -> None:
    hub.start("think_long", f"{prefix}a")
    assert [hub.post(f"instances/{prefix}a/suspend").status_code for _ in range(2)] == [202, 202]
    hub.until(f"{prefix}a", "Suspended")
    hub.post(f"instances/{prefix}a/resume")
    hub.raise_event(f"{prefix}a", "go")
    assert hub.until(f"{prefix}a", "Completed", seconds=3)["output"] == "gone"


def test_restart_runs_again_with_the_same_input_under_a_new_id(hub: HubOverHttp, prefix: str) -> None:
    hub.run("greet", f"{prefix}a", "you")
    response = hub.post(f"instances/{prefix}a/restart")
    new_id = response.json()["id"]
    assert response.status_code == 202
    assert new_id != f"{prefix}a"
    assert hub.until(new_id, "Completed")["output"] == "Hello you"
    assert hub.status(f"{prefix}a")["runtimeStatus"] == "Completed"


def test_restart_under_its_own_id_replaces_the_run(hub: HubOverHttp, prefix: str) -> None:
    hub.start("wait_for_go", f"{prefix}a", "in")
    same = f"instances/{prefix}a/restart?restartWithNewInstanceId=false"
    assert hub.post(same).status_code == 409
    hub.raise_event(f"{prefix}a", "go", "out")
    hub.until(f"{prefix}a", "Completed")
    assert hub.post(same).json()["id"] == f"{prefix}a"
    status = hub.until(f"{prefix}a", "Running")
    assert (status["input"], status["output"]) == ('"in"', None)


def test_restart_of_nobody_is_400_with_the_extensions_words(hub: HubOverHttp) -> None:
    response = hub.post("instances/nobody/restart")
    assert response.status_code == 400
    assert response.json()["Message"] == "InstanceId does not match a valid orchestration instance."


def test_rewind_goes_on_from_what_failed_and_repeats_nothing_else(
    hub: HubOverHttp, prefix: str, tmp_path: Path
) -> None:
    path = tmp_path / "needed"
    assert hub.run("read_file", f"{prefix}a", str(path))["runtimeStatus"] == "Failed"
    path.write_text("content", encoding="utf-8")
    assert hub.post(f"instances/{prefix}a/rewind?reason=mended").status_code == 202
    assert hub.until(f"{prefix}a", "Completed")["output"] == ["Hello reader", "content"]
    assert (tmp_path / "needed.attempts").read_text(encoding="ascii") == "xx"


@pytest.mark.parametrize(
    ("name", "operation", "status"),
    [
        ("wait_for_go", "", "Running"),
        ("wait_for_go", "suspend", "Suspended"),
        ("wait_for_go", "terminate", "Terminated"),
        ("echo", "", "Completed"),
    ],
)
def test_rewind_of_a_run_that_has_not_failed_is_412(
    hub: HubOverHttp, prefix: str, name: str, operation: str, status: str
) -> None:
    hub.start(name, f"{prefix}a")
    if operation:
        hub.post(f"instances/{prefix}a/{operation}")
    hub.until(f"{prefix}a", status)
    response = hub.post(f"instances/{prefix}a/rewind")
    assert (response.status_code, response.json()) == (
        412,
        f'This orchestration has status {status}, but only orchestrations in the "Failed" state can be rewound.',
    )


def test_rewind_of_nobody_is_404_with_the_extensions_words(hub: HubOverHttp) -> None:
    response = hub.post("instances/nobody/rewind")
    assert (response.status_code, response.json()) == (404, 'No orchestration with instance ID "$nobody" found.')


def test_event_needs_json_and_a_body(hub: HubOverHttp, prefix: str) -> None:
    hub.start("wait_for_go", f"{prefix}a")
    path = f"instances/{prefix}a/raiseEvent/go"
    refused = [
        hub.post(path, content="1", headers={"Content-Type": "text/plain"}),
        hub.post(path, headers={"Content-Type": "application/json"}),
        hub.post(path, content="{", headers={"Content-Type": "application/json"}),
    ]
    assert [response.status_code for response in refused] == [400, 400, 400]
    assert hub.status(f"{prefix}a")["runtimeStatus"] != "Completed"


# Entities


def signal(hub: HubOverHttp, key: str, operation: str, value: Any = None) -> httpx.Response:
    return hub.post(f"entities/Shelf/{key}", params={"op": operation}, json=json.dumps(value))


def state_of(hub: HubOverHttp, key: str, wanted: object) -> httpx.Response:
    """Read an entity's state, up to 200 times, until it is what is wanted."""
    for _ in range(200):
        response = hub.get(f"entities/shelf/{key}")
        if response.status_code == 200 and response.json() == wanted:
            return response
    return response


def test_entity_is_signaled_read_and_deleted_by_a_name_in_any_case(hub: HubOverHttp, prefix: str) -> None:
    assert hub.get(f"entities/Shelf/{prefix}a").status_code == 404
    assert signal(hub, f"{prefix}a", "put", "first").status_code == 202
    hub.post(f"entities/SHELF/{prefix}a?op=put", json='"second"')
    assert state_of(hub, f"{prefix}a", ["first", "second"]).json() == ["first", "second"]
    assert hub.delete(f"entities/Shelf/{prefix}a").status_code == 202
    assert hub.run("put_book", f"{prefix}run", f"{prefix}a")["output"] == ["first", "second"]


def test_an_entity_function_has_a_durable_client(hub: HubOverHttp, prefix: str) -> None:
    assert hub.post(f"entities/Clerk/{prefix}a?op=order", json="null").status_code == 202
    for _ in range(200):
        if (answer := hub.get(f"entities/clerk/{prefix}a")).status_code == 200:
            break
    assert answer.json() == f"{prefix}a-started"
    assert hub.until(f"{prefix}a-started", "Completed")["output"] == ["first", "second"]


def test_entities_are_listed_by_name_with_their_state_if_asked_for(hub: HubOverHttp, prefix: str) -> None:
    hub.run("put_book", f"{prefix}run", f"{prefix}a")
    for fetch_state in (True, False):
        rows = hub.get("entities/shelf", params={"fetchState": str(fetch_state)}).json()
        (row,) = [one for one in rows if one["entityId"] == {"name": "shelf", "key": f"{prefix}a"}]
        assert row["state"] == (["first", "second"] if fetch_state else None)
    assert hub.get("entities/nosuch").json() == []


def test_key_of_a_dollar_is_the_empty_key(hub: HubOverHttp) -> None:
    signal(hub, "$", "put", "x")
    assert state_of(hub, "$", ["x"]).json()[:1] == ["x"]


def test_unknown_entity_is_400_with_the_known_ones(hub: HubOverHttp) -> None:
    response = hub.post("entities/NoSuch/k?op=get")
    assert response.status_code == 400
    assert "'nosuch' doesn't exist, is disabled, or is not an entity function" in response.json()["Message"]
    assert "'Shelf'" in response.json()["Message"]


def test_an_entity_without_a_key_has_an_empty_one(hub: HubOverHttp) -> None:
    assert hub.delete("entities/Shelf").status_code == 202
    for path in ("entities/Shelf?op=put", "entities/Shelf/?op=put", "entities/Shelf/$?op=put"):
        assert hub.post(path, json='"book"').status_code == 202
    assert state_of(hub, "$", ["book"] * 3).status_code == 200
    hub.delete("entities/Shelf")


@pytest.mark.parametrize("key", ["a%23b", "a%3Fb", "a%5Cb", "a%09b", "a%2523b", "a%00b"])
def test_a_key_that_azure_refuses_is_400(hub: HubOverHttp, key: str) -> None:
    assert hub.post(f"entities/Shelf/{key}?op=put", json='"book"').status_code == 400
    assert hub.delete(f"entities/Shelf/{key}").status_code == 400


def test_entity_signal_with_bad_json_is_400(hub: HubOverHttp) -> None:
    response = hub.post("entities/Shelf/k?op=put", content="{", headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["Message"].startswith("Could not parse JSON content: ")


# What is not there


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/"),
        ("GET", "/nothing"),
        ("GET", "/orchestrators/echo"),
        ("PUT", "/instances/a"),
        ("PATCH", "/instances"),
        ("POST", "/instances/a"),
        ("POST", "/instances/a/unheardOf"),
        ("DELETE", "/orchestrators/echo/a"),
        ("POST", "/orchestrators/echo/a/b"),
        ("POST", "/orchestrators/echo/a%2Fb"),
        ("GET", "/instances/a%2Fb"),
        ("HEAD", "/instances/nobody"),
        ("OPTIONS", "/instances"),
    ],
)
def test_anything_else_is_404_with_an_empty_body(hub: HubOverHttp, method: str, path: str) -> None:
    response = hub.http.request(method, f"{ROOT}{path}")
    assert (response.status_code, response.content) == (404, b"")


def test_paths_ignore_case_and_a_trailing_slash(hub: HubOverHttp, prefix: str) -> None:
    hub.run("echo", f"{prefix}a")
    assert hub.http.get(f"/RUNTIME/Webhooks/durabletask/INSTANCES/{prefix}a/").status_code == 200


def test_the_sdks_client_has_a_door_of_its_own_to_the_same(hub: HubOverHttp, prefix: str) -> None:
    hub.run("echo", f"{prefix}a")
    assert hub.http.get(f"{RPC_PATH}/instances/{prefix}a").json() == hub.status(f"{prefix}a")


def test_path_that_only_begins_like_the_api_is_the_apps(hub: HubOverHttp) -> None:
    assert hub.http.get(f"{ROOT}more/instances").status_code == 404
