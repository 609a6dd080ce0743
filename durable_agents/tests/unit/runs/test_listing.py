import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import BaseModel

from durable_agents.orchestration.registry import Orchestration, OrchestrationRegistry
from durable_agents.owners import owned
from durable_agents.runs.listing import PageTokens, RunQuery, query_runs
from durable_agents.runs.task_hub import TaskHubError
from durable_agents.seal import Seal
from durable_agents.tests.unit.runs.task_hub_server import TaskHubServer


def triage(context: Any, *, get_agent: Any) -> Any:
    yield


def review(context: Any, *, get_agent: Any) -> Any:
    yield


SEAL = Seal(lambda: [b"key"])
TOKENS = PageTokens(SEAL)
ORCHESTRATIONS = OrchestrationRegistry([Orchestration(triage, BaseModel), Orchestration(review, BaseModel)])


def seal(token: str, query: RunQuery) -> str:
    sealed = TOKENS.encode(token, query)
    assert sealed is not None
    return sealed


def rows(*names: str) -> list[dict[str, Any]]:
    """Return what the task hub tells of instances of these names."""
    times = {"createdTime": "2026-01-01T00:00:00Z", "lastUpdatedTime": "2026-01-01T00:00:00Z"}
    return [{"name": name, "instanceId": f"{name}-1", "runtimeStatus": "Running", **times} for name in names]


async def test_a_page_takes_as_many_pages_of_the_task_hub_as_it_needs_and_no_more() -> None:
    async with TaskHubServer() as hub:
        hub.script(200, rows("triage", "@dafx-writer@s1", "foreign"), token="a")
        hub.script(200, rows("other", "Review"), token="b")
        hub.script(200, rows("triage"), token="c")
        page = await query_runs(hub.client, ORCHESTRATIONS, RunQuery(), 3)
        assert [run.name for run in page.runs] == ["triage", "Review", "triage"]
        assert page.next_token == "c"
        assert [(query["top"], token) for _, _, query, token in hub.requests] == [("3", None), ("2", "a"), ("1", "b")]


async def test_the_last_page_ends_the_list() -> None:
    async with TaskHubServer() as hub:
        hub.script(200, rows("triage"), token="")
        page = await query_runs(hub.client, ORCHESTRATIONS, RunQuery(), 50, "begin")
        assert (len(page.runs), page.next_token) == (1, None)
        assert hub.requests[0][3] == "begin"


async def test_a_task_hub_full_of_others_is_read_in_bounded_steps() -> None:
    async with TaskHubServer() as hub:
        for number in range(20):
            hub.script(200, rows("foreign"), token=f"t{number}")
        page = await query_runs(hub.client, ORCHESTRATIONS, RunQuery(), 5)
        assert (page.runs, page.next_token, len(hub.requests)) == ([], "t9", 10)


async def test_filters_are_sent_as_the_task_hub_reads_them() -> None:
    moment = datetime(2026, 1, 31, 9, 30, tzinfo=timezone(timedelta(hours=2)))
    query = RunQuery("triage", ["Failed", "Running"], moment, datetime(2026, 2, 1, tzinfo=UTC), owner="")
    async with TaskHubServer() as hub:
        hub.script(200, rows("triage", "review"))
        page = await query_runs(hub.client, ORCHESTRATIONS, query, 10)
        assert [run.name for run in page.runs] == ["triage"]
        assert hub.requests[0][2] == {
            "instanceIdPrefix": "triage-",
            "runtimeStatus": "Failed,Running",
            "createdTimeFrom": "2026-01-31T07:30:00Z",
            "createdTimeTo": "2026-02-01T00:00:00Z",
            "top": "10",
            "showInput": "false",
        }


@pytest.mark.parametrize(("owner", "prefix"), [(None, None), ("", "triage-"), ("a" * 16, f"own.{'a' * 16}.triage-")])
async def test_a_list_of_one_owner_has_no_run_of_another(owner: str | None, prefix: str | None) -> None:
    ids = ["triage-1", owned("triage-1", "a" * 16), owned("triage-1", "b" * 16)]
    seen = {None: ids, "": ids[:1], "a" * 16: ids[1:2]}[owner]
    async with TaskHubServer() as hub:
        hub.script(200, [{**row, "instanceId": name} for row, name in zip(rows(*["triage"] * 3), ids, strict=True)])
        page = await query_runs(hub.client, ORCHESTRATIONS, RunQuery("triage", owner=owner), 10)
        assert [run.instance_id for run in page.runs] == seen
        assert hub.requests[0][2].get("instanceIdPrefix") == prefix


async def test_a_refused_query_is_an_error() -> None:
    async with TaskHubServer() as hub:
        hub.script(400, {"Message": "no"})
        with pytest.raises(TaskHubError, match="HTTP 400"):
            await query_runs(hub.client, ORCHESTRATIONS, RunQuery(), 10)


def test_a_token_opens_for_the_query_it_was_sealed_for_only() -> None:
    query = RunQuery("triage")
    sealed = seal('next!"{x}"', query)
    assert TOKENS.decode(sealed, query) == 'next!"{x}"'
    assert TOKENS.decode(sealed, RunQuery("review")) is None


@pytest.mark.parametrize(
    "text", ["x", "é", "bnVsbA==", "WzFd", "WyJhIiwgImIiXQ==", "W1tbW1tb", "MQ==", "A" * 10_000, "[]", "eyJhIjoxfQ=="]
)
def test_what_is_no_token_does_not_open(text: str) -> None:
    assert TOKENS.decode(text, RunQuery()) is None


@pytest.mark.parametrize("inner", ["x", "\ud800", "[" * 2_500, "", 1, None])
@pytest.mark.parametrize("other", [Seal(lambda: [b""]), Seal(lambda: [b"other"])])
def test_a_token_that_was_made_elsewhere_does_not_open(inner: Any, other: Seal) -> None:
    text = json.dumps([inner, None, {}])
    for mark in (other.of("page", text), hashlib.sha256(text.encode()).hexdigest(), "", SEAL.of("page", text)[:16], 1):
        sealed = base64.urlsafe_b64encode(json.dumps([mark, inner]).encode()).decode()
        assert TOKENS.decode(sealed, RunQuery()) is None


def test_a_token_that_cannot_be_a_header_does_not_open() -> None:
    assert TOKENS.decode(seal("a\r\nX: y", RunQuery()), RunQuery()) is None


def test_runs_whose_ids_callers_choose_are_not_looked_up_by_their_names() -> None:
    query = RunQuery("triage", has_any_id=True)
    assert query.to_parameters() == {}
    assert TOKENS.decode(seal("a", query), RunQuery("review", has_any_id=True)) is None
