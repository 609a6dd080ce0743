"""Starting instances through the management API, and waiting for them."""

import json
import re

import pytest

from devhost.tests.support.hub_over_http import HubOverHttp

# Starting


def test_start_answers_with_the_urls_to_go_on_with(hub: HubOverHttp, prefix: str) -> None:
    response = hub.start("wait_for_go", f"{prefix}a")
    payload = response.json()
    assert response.status_code == 202
    assert payload["id"] == f"{prefix}a"
    assert response.headers["Location"] == payload["statusQueryGetUri"]
    assert response.headers["Retry-After"] == "10"
    assert hub.http.get(payload["statusQueryGetUri"]).json()["name"] == "wait_for_go"
    sent = hub.http.post(payload["sendEventPostUri"].replace("{eventName}", "go"), json=1)
    assert sent.status_code == 202
    assert hub.until(f"{prefix}a", "Completed")["output"] == 1


def test_start_without_an_id_gives_a_new_one_each_time(hub: HubOverHttp) -> None:
    ids = {hub.start("echo").json()["id"] for _ in range(2)}
    assert len(ids) == 2
    assert all(len(one) == 32 for one in ids)


def test_start_of_a_live_id_is_409_and_leaves_the_run_alone(hub: HubOverHttp, prefix: str) -> None:
    hub.start("wait_for_go", f"{prefix}a", "first")
    response = hub.start("wait_for_go", f"{prefix}a", "second")
    assert response.status_code == 409
    assert f"{prefix}a" in response.json()["Message"]
    assert hub.status(f"{prefix}a")["input"] == '"first"'


def test_start_of_an_id_that_has_ended_replaces_the_run_and_its_history(hub: HubOverHttp, prefix: str) -> None:
    assert hub.run("greet", f"{prefix}a", "one")["output"] == "Hello one"
    assert hub.run("echo", f"{prefix}a", "two")["output"] == "two"
    history = hub.status(f"{prefix}a", "?showHistory=true")["historyEvents"]
    assert [event["EventType"] for event in history] == ["ExecutionStarted", "ExecutionCompleted"]


@pytest.mark.parametrize(
    "instance_id", ["@x@y", "a%23b", "a%3Fb", "a%5Cb", "a%01b", "a%7Fb", "x" * 257, "%20", "%2520"]
)
def test_ids_that_storage_would_refuse_are_400_and_name_the_id(hub: HubOverHttp, instance_id: str) -> None:
    response = hub.start("echo", instance_id)
    assert response.status_code == 400
    assert "is not allowed" in response.json()["Message"]


@pytest.mark.parametrize("instance_id", ["a b", "ž", "a:b", "a@b", "a%25b", "x" * 256])
def test_ids_with_other_characters_are_kept(hub: HubOverHttp, instance_id: str) -> None:
    assert hub.run("echo", instance_id)["instanceId"] == instance_id.replace("%25", "%")


@pytest.mark.parametrize(
    ("sent", "kept"), [("p+q", "p q"), ("p%252Bq", "p+q"), ("p%2541q", "pAq"), ("p%2F", "p"), ("p%2F%2F", "p")]
)
def test_a_path_is_decoded_twice_and_as_a_form(hub: HubOverHttp, prefix: str, sent: str, kept: str) -> None:
    assert hub.run("echo", f"{prefix}{sent}")["instanceId"] == f"{prefix}{kept}"


@pytest.mark.parametrize("path", ["instances/a%2Fb", "instances/a%252Fb", "entities/Shelf/a%2Fb"])
def test_an_encoded_slash_is_a_slash(hub: HubOverHttp, path: str) -> None:
    response = hub.get(path)
    assert (response.status_code, response.content) == (404, b"")


def test_start_with_bad_json_is_400_and_starts_nothing(hub: HubOverHttp, prefix: str) -> None:
    response = hub.post(f"orchestrators/echo/{prefix}a", content="{not json")
    assert response.status_code == 400
    assert response.json()["Message"] == "Invalid JSON content"
    assert hub.get(f"instances/{prefix}a").status_code == 404


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"\xff\xfe", "application/json"), (b'"\xe9"', "application/json"), (b"{", "application/json; charset=nonsense")],
)
def test_body_that_is_no_text_is_400_like_any_bad_json(hub: HubOverHttp, body: bytes, content_type: str) -> None:
    response = hub.post("orchestrators/echo", content=body, headers={"Content-Type": content_type})
    assert response.status_code == 400


def test_input_of_null_and_without_a_body_are_both_null(hub: HubOverHttp, prefix: str) -> None:
    for name, body in (("a", b"null"), ("b", b"")):
        hub.post(f"orchestrators/echo/{prefix}{name}?timeout=20&pollingInterval=1", content=body)
        assert hub.status(f"{prefix}{name}")["input"] is None
        assert hub.status(f"{prefix}{name}")["output"] is None


def test_unknown_orchestrator_is_202_and_the_run_fails_with_the_known_names(hub: HubOverHttp, prefix: str) -> None:
    status = hub.run("ehco", f"{prefix}a")
    assert status["runtimeStatus"] == "Failed"
    assert "The function 'ehco' doesn't exist, is disabled, or is not an orchestrator function." in status["output"]
    assert "'echo'" in status["output"]


# Starting and waiting


def test_create_and_wait_answers_with_the_output_alone(hub: HubOverHttp, prefix: str) -> None:
    response = hub.start("greet", f"{prefix}a", "you", "?timeout=20&pollingInterval=1")
    assert (response.status_code, response.json()) == (200, "Hello you")


def test_create_and_wait_answers_a_failure_with_the_status(hub: HubOverHttp, prefix: str) -> None:
    response = hub.start("fail_with", f"{prefix}a", "no luck", "?timeout=20&pollingInterval=1")
    assert response.status_code == 200
    assert response.json()["runtimeStatus"] == "Failed"
    assert "ValueError: no luck" in response.json()["output"]


def test_create_and_wait_that_does_not_end_in_time_answers_like_a_start(hub: HubOverHttp, prefix: str) -> None:
    response = hub.start("wait_for_go", f"{prefix}a", None, "?timeout=0.05&pollingInterval=0.01")
    assert (response.status_code, response.json()["id"]) == (202, f"{prefix}a")


def test_create_and_wait_with_too_short_a_timeout_is_400(hub: HubOverHttp, prefix: str) -> None:
    response = hub.start("echo", f"{prefix}a", None, "?timeout=1&pollingInterval=5")
    assert response.status_code == 400
    assert response.json()["Message"] == "Total timeout 1 should be bigger than retry timeout 5"


@pytest.mark.parametrize("query", ["?timeout=soon&pollingInterval=1", "?timeout=5", "?pollingInterval=1"])
def test_times_that_cannot_be_read_are_ignored(hub: HubOverHttp, query: str) -> None:
    assert hub.start("wait_for_go", "", None, query).status_code == 202


def test_a_timeout_that_is_not_a_number_is_ignored(hub: HubOverHttp) -> None:
    response = hub.post("orchestrators/wait_for_go?timeout=nan&pollingInterval=1", timeout=3)
    assert response.status_code == 202


# Half a character: JSON may hold one half of a surrogate pair, as when a text was cut inside an emoji


def test_half_a_character_that_the_sdk_sends_passes_through(hub: HubOverHttp, prefix: str) -> None:
    half = "cut \ud83d"
    assert hub.run("echo", f"{prefix}a", half)["output"] == half
    hub.start("wait_for_go", f"{prefix}b")
    assert hub.raise_event(f"{prefix}b", "go", json.dumps({"text": half})).status_code == 202
    assert json.loads(hub.until(f"{prefix}b", "Completed")["output"]) == {"text": half}
    assert half in hub.run("fail_with", f"{prefix}c", half)["output"]
    assert hub.run("put_book", f"{prefix}d", "k")["output"] == ["first", "second"]


# What could not be written again

UNWRITABLE = {
    "deep": "[" * 65 + "]" * 65,
    "deep objects": '{"a":' * 65 + "1" + "}" * 65,
    "very deep": "[" * 20_000 + "]" * 20_000,
    "NaN": '{"n": NaN}',
    "infinite": "-Infinity",
    "too large a number": "[1e400]",
    "half a character": '"\\ud83d"',
    "half a name": '{"\\udc00": 1}',
}


@pytest.mark.parametrize("body", UNWRITABLE.values(), ids=UNWRITABLE)
@pytest.mark.parametrize(
    "path", ["orchestrators/echo/{}a", "instances/{}live/raiseEvent/go", "entities/Shelf/{}a?op=put"]
)
def test_what_could_not_be_written_again_is_400(hub: HubOverHttp, prefix: str, path: str, body: str) -> None:
    hub.start("wait_for_go", f"{prefix}live")
    response = hub.post(path.format(prefix), content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert re.match("Invalid JSON content|Could not parse JSON content: ", response.json()["Message"])
    assert hub.ids(instanceIdPrefix=prefix) == [f"{prefix}live"]
    assert hub.get(f"entities/Shelf/{prefix}a").status_code == 404


def test_a_depth_of_64_is_kept(hub: HubOverHttp, prefix: str) -> None:
    body = '{"a":' * 64 + "1" + "}" * 64
    assert hub.post(f"orchestrators/echo/{prefix}a?timeout=20&pollingInterval=1", content=body).status_code == 200
    assert hub.status(f"{prefix}a")["input"] == json.loads(body)


def test_what_an_app_nests_too_deep_is_shown_as_text(hub: HubOverHttp, prefix: str) -> None:
    text = "[" * 300 + "]" * 300
    hub.run("nest", f"{prefix}a", 300)
    assert hub.get("instances", params={"instanceIdPrefix": prefix}).json()[0]["output"] == text
    events = hub.status(f"{prefix}a", "?showHistory=true&showHistoryOutput=true")["historyEvents"]
    assert events[-1]["Result"] == text


@pytest.mark.parametrize("depth", [900, 960, 985, 990, 1000, 5000])
def test_no_depth_of_an_app_spoils_a_list(hub: HubOverHttp, prefix: str, depth: int) -> None:
    hub.run("nest", f"{prefix}a", depth)
    (run,) = hub.get("instances", params={"instanceIdPrefix": prefix}).json()
    assert isinstance(run["output"], str)
    status = hub.status(f"{prefix}a", "?showHistory=true&showHistoryOutput=true")
    assert status["output"] == run["output"]
    assert len(status["historyEvents"]) == 2


def test_numbers_of_an_app_that_json_has_not_are_shown_by_name(hub: HubOverHttp, prefix: str) -> None:
    hub.run("not_finite", f"{prefix}a")
    response = hub.get("instances", params={"instanceIdPrefix": prefix})
    assert "NaN," not in response.text
    (run,) = response.json()
    assert (run["output"], run["customStatus"]) == (["NaN", "Infinity", "-Infinity"], {"at": "NaN"})
