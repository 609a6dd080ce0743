"""Looking at instances through the management API: status, lists in pages, purges."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from devhost.tests.support.hub_over_http import ROOT, HubOverHttp

TOKEN = "x-ms-continuation-token"


# Status


def test_status_of_a_live_run_is_202_with_where_and_when_to_ask_again(hub: HubOverHttp, prefix: str) -> None:
    hub.start("wait_for_go", f"{prefix}a", {"n": 1})
    response = hub.get(f"instances/{prefix}a")
    assert (response.status_code, response.headers["Retry-After"]) == (202, "5")
    assert response.headers["Location"].endswith(f"{ROOT}/instances/{prefix}a")
    status = hub.until(f"{prefix}a", "Running")
    assert (status["input"], status["output"]) == ('{"n": 1}', None)


def test_status_says_what_the_run_said(hub: HubOverHttp, prefix: str) -> None:
    hub.start("wait_for_go", f"{prefix}a")
    hub.until(f"{prefix}a", "Running")
    assert hub.status(f"{prefix}a")["customStatus"] == "waiting"


def test_status_of_a_failure_is_200_unless_500_is_asked_for(hub: HubOverHttp, prefix: str) -> None:
    hub.run("fail_with", f"{prefix}a", "no")
    assert hub.get(f"instances/{prefix}a").status_code == 200
    assert hub.get(f"instances/{prefix}a?returnInternalServerErrorOnFailure=true").status_code == 500


def test_status_leaves_out_input_and_history_as_asked(hub: HubOverHttp, prefix: str) -> None:
    hub.run("greet", f"{prefix}a", "you")
    assert hub.status(f"{prefix}a", "?showInput=False")["input"] is None
    assert "historyEvents" not in hub.status(f"{prefix}a")
    with_output = hub.status(f"{prefix}a", "?showHistory=True&showHistoryOutput=True")["historyEvents"]
    without = hub.status(f"{prefix}a", "?showHistory=True")["historyEvents"]
    assert [event.get("Result") for event in with_output] == [None, "Hello you", "Hello you"]
    assert not any("Result" in event for event in without)
    assert with_output[1]["FunctionName"] == "hello"


# Query


@pytest.fixture
def five(hub: HubOverHttp, prefix: str) -> list[str]:
    """Five runs: three completed, one failed, one that waits; in order of creation."""
    ids = [f"{prefix}{n}" for n in range(5)]
    for one in ids[:3]:
        hub.run("echo", one)
    hub.run("fail_with", ids[3], "no")
    hub.start("wait_for_go", ids[4])
    hub.until(ids[4], "Running")
    return ids


def test_query_filters_by_prefix_and_status_in_any_case(hub: HubOverHttp, prefix: str, five: list[str]) -> None:
    assert hub.ids(instanceIdPrefix=prefix) == five
    assert hub.ids(instanceIdPrefix=prefix, runtimeStatus="Completed") == five[:3]
    assert hub.ids(instanceIdPrefix=prefix, runtimeStatus="FAILED,running") == five[3:]
    assert hub.ids(instanceIdPrefix=prefix, runtimeStatus="Terminated") == []


def test_query_filters_by_time_of_creation(hub: HubOverHttp, prefix: str, five: list[str]) -> None:
    now = datetime.now(UTC)
    later, earlier = (now + timedelta(hours=1)).isoformat(), (now - timedelta(hours=1)).isoformat()
    assert hub.ids(instanceIdPrefix=prefix, createdTimeFrom=earlier, createdTimeTo=later) == five
    assert hub.ids(instanceIdPrefix=prefix, createdTimeFrom=later) == []
    assert hub.ids(instanceIdPrefix=prefix, createdTimeTo=earlier) == []


@pytest.mark.parametrize(
    "query",
    [
        *({"runtimeStatus": "Sleeping"}, {"createdTimeFrom": "yesterday"}, {"createdTimeTo": ""}, {"top": "many"}),
        *({"top": "0"}, {"top": "-3"}, {"showInput": "maybe"}, {"unheard": "of"}),
    ],
    ids=str,
)
def test_filters_that_cannot_be_read_are_ignored(
    hub: HubOverHttp, prefix: str, five: list[str], query: dict[str, str]
) -> None:
    assert hub.ids(instanceIdPrefix=prefix, **query) == five


@pytest.mark.parametrize(
    "query",
    [{"top": "nan"}, {"top": "inf"}, {"top": "1e30"}, {"createdTimeFrom": "0001-01-01T00:00:00+14:00"}],
    ids=str,
)
def test_filters_out_of_range_are_ignored_too(
    hub: HubOverHttp, prefix: str, five: list[str], query: dict[str, str]
) -> None:
    assert hub.ids(instanceIdPrefix=prefix, **query) == five


def test_status_that_no_run_ever_has_finds_nothing(hub: HubOverHttp, prefix: str, five: list[str]) -> None:
    assert hub.ids(instanceIdPrefix=prefix, runtimeStatus="ContinuedAsNew") == []


def test_pages_follow_each_other_and_the_last_has_an_empty_token(
    hub: HubOverHttp, prefix: str, five: list[str]
) -> None:
    token, seen, pages = "", list[str](), 0
    while pages == 0 or token:
        response = hub.get("instances", params={"instanceIdPrefix": prefix, "top": "2"}, headers={TOKEN: token})
        page = [one["instanceId"] for one in response.json()]
        assert len(page) <= 2
        seen, token, pages = seen + page, response.headers[TOKEN], pages + 1
    assert (seen, pages) == (five, 3)


def test_page_that_holds_all_has_no_token(hub: HubOverHttp, prefix: str, five: list[str]) -> None:
    response = hub.get("instances", params={"instanceIdPrefix": prefix, "top": "5"})
    assert (len(response.json()), response.headers[TOKEN]) == (5, "")


@pytest.mark.parametrize(
    "token",
    [
        *("x", "!!!", "....", base64.urlsafe_b64encode(b"\xff\xfe").decode()),
        *(
            base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
            for value in (5, None, [], [1], ["soon", "a"], [None, None], {"a": 1, "b": 2}, [1e300, "a"])
        ),
        *(
            base64.urlsafe_b64encode(text).decode()
            for text in (b'[1e400, "a"]', b'[1, "\\ud83d"]', b"[" * 5000 + b"]" * 5000, b'[NaN, "a"]')
        ),
    ],
)
@pytest.mark.parametrize("path", ["instances", "entities"])
def test_token_that_was_not_given_out_is_400(hub: HubOverHttp, path: str, token: str) -> None:
    response = hub.get(path, headers={TOKEN: token})
    assert response.status_code == 400
    assert "x-ms-continuation-token" in response.json()["Message"]


def test_statuses_of_several_parameters_add_up_and_numbers_are_read(
    hub: HubOverHttp, prefix: str, five: list[str]
) -> None:
    def found(query: str) -> list[str]:
        return [one["instanceId"] for one in hub.get(f"instances?instanceIdPrefix={prefix}&{query}").json()]

    assert found("runtimeStatus=Completed&runtimeStatus=Running") == [*five[:3], five[4]]
    assert found("runtimeStatus=0") == [five[4]]
    assert found("runtimeStatus=1&runtimeStatus=3,7") == five[:4]
    assert found("runtimeStatus=2") == []
    assert found("instanceIdPrefix=zzz") == []


# Purge


def test_purge_of_one_takes_it_and_says_how_many(hub: HubOverHttp, prefix: str) -> None:
    hub.run("echo", f"{prefix}a")
    response = hub.delete(f"instances/{prefix}a")
    assert (response.status_code, response.json()) == (200, {"instancesDeleted": 1})
    assert hub.get(f"instances/{prefix}a").status_code == 404
    assert hub.delete(f"instances/{prefix}a").status_code == 404


def test_purge_of_a_live_run_is_412_and_leaves_it(hub: HubOverHttp, prefix: str) -> None:
    hub.start("wait_for_go", f"{prefix}a")
    hub.until(f"{prefix}a", "Running")
    response = hub.delete(f"instances/{prefix}a")
    assert (response.status_code, response.json()) == (
        412,
        "Only orchestrations in a terminal state can be purged, but the orchestration with instance ID "
        f"{prefix}a has status Running",
    )
    assert hub.get(f"instances/{prefix}a").status_code == 202


def test_purge_of_many_takes_those_that_ended_as_wanted_since_then(
    hub: HubOverHttp, prefix: str, five: list[str]
) -> None:
    query = {"createdTimeFrom": hub.status(five[0])["createdTime"], "runtimeStatus": "Completed,Running"}
    response = hub.delete("instances", params=query)
    assert response.status_code == 200
    assert response.json()["instancesDeleted"] >= 3
    assert hub.ids(instanceIdPrefix=prefix) == five[3:]


def test_purge_of_many_that_finds_none_is_404(hub: HubOverHttp) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    response = hub.delete("instances", params={"createdTimeFrom": later})
    assert (response.status_code, response.content) == (404, b"")


@pytest.mark.parametrize("query", [{}, {"createdTimeFrom": "soon"}])
def test_purge_of_many_needs_to_know_since_when(hub: HubOverHttp, query: dict[str, str]) -> None:
    response = hub.delete("instances", params=query)
    assert (response.status_code, response.json()) == (400, "Please provide value for 'createdTimeFrom' parameter.")
