"""An agent's answer as a stream over HTTP: nothing missed, nothing twice, whatever dies meanwhile."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from devhost.testing.host_process import HostProcess
from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, Failure, ToolCall
from durable_agents.tests.support.redis_server import RedisServer
from durable_agents.tests.wire.faults import BrokenStream, Slow

RUN = "/api/agents/Writer/run"
MESSAGE = "Say " + " ".join(f"word{number}" for number in range(60))
SECONDS = 30


@dataclass(frozen=True)
class Event:
    """One server-sent event; an event without an id leaves the last id as it is."""

    kind: str
    data: Any
    id: str | None


class EventSource:
    """Reads a stream as a browser does: page after page, each request with the last id, until it is told to stop.

    `kept` is how many events of each page it gets before its connection drops.
    """

    def __init__(self, url: str, kept: int | None = None) -> None:
        self.url = url
        self.text = ""
        self.events: list[Event] = []
        self.last_id: str | None = None
        self._kept = kept

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def pages(self) -> Iterator[list[Event]]:
        """Yield what each request brings, as long as the server does not end the stream."""
        deadline = time.monotonic() + SECONDS
        with httpx.Client(timeout=SECONDS) as http:
            while True:
                assert time.monotonic() < deadline, self.kinds()
                headers = {} if self.last_id is None else {"Last-Event-ID": self.last_id}
                response = http.get(self.url, headers=headers)
                if response.status_code == 204:
                    return
                assert response.status_code == 200, response.text
                assert response.headers["Content-Type"].startswith("text/event-stream")
                assert response.headers["Cache-Control"] == "no-store"
                page = parse(response.text)[: self._kept]
                for event in page:
                    self._take(event)
                yield page

    def read_to_first_text(self) -> Iterator[list[Event]]:
        """Read until there is text, and return the pages that follow."""
        pages = self.pages()
        while "text" not in self.kinds():
            next(pages)
        return pages

    def read(self) -> Any:
        """Read to the end and return the data of the last event."""
        for _ in self.pages():
            pass
        return self.events[-1].data

    def _take(self, event: Event) -> None:
        self.events.append(event)
        self.last_id = event.id or self.last_id
        if event.kind in ("start", "text"):
            self.text = "" if event.kind == "start" else self.text + event.data["text"]


def parse(body: str) -> list[Event]:
    """Return the events of a response; what is not an event of ours is an error."""
    assert body.startswith("retry: ")
    events = []
    for block in body.split("\n\n")[1:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        assert set(fields) <= {"id", "event", "data"}
        events.append(Event(fields["event"], json.loads(fields["data"]), fields.get("id")))
    return events


def accept(host: HostProcess, message: str = MESSAGE, session: str = "s1", agent: str = "Writer") -> dict[str, str]:
    """Start a run and return its links."""
    body = {"message": message, "session_id": session, "wait_for_response": False}
    response = httpx.post(f"{host.url}/api/agents/{agent}/run", json=body, timeout=SECONDS)
    assert response.status_code == 202, response.text
    links: dict[str, str] = response.json()["links"]
    return links


def pick_up(links: dict[str, str]) -> Any:
    """Return the answer of the run when it is there."""
    deadline = time.monotonic() + SECONDS
    while (response := httpx.get(links["response"], timeout=SECONDS)).status_code == 202:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return response.json()


StartStreaming = Callable[..., HostProcess]


@pytest.fixture(params=["sqlite", "redis"])
def start_streaming(request: pytest.FixtureRequest, start_host: Callable[..., HostProcess]) -> StartStreaming:
    """Start a host with each of the stores: `start_streaming(**settings)`."""
    server: RedisServer | None = request.getfixturevalue("redis") if request.param == "redis" else None
    store = {} if server is None else {"STREAM_REDIS_URL": server.url}
    return lambda **settings: start_host(**store, **settings)


def test_a_client_that_drops_after_each_event_misses_nothing_and_gets_nothing_twice(
    start_streaming: StartStreaming,
) -> None:
    links = accept(start_streaming(OFFLINE_MODEL_LATENCY_SECONDS="1"))
    reader = EventSource(links["stream"], kept=1)
    done = reader.read()
    assert done == pick_up(links)
    assert reader.text == done["response"]
    assert reader.kinds().count("text") > 5
    assert (reader.kinds()[0], reader.kinds()[-1]) == ("start", "done")
    ids = [event.id for event in reader.events]
    assert len(set(ids)) == len(ids)


def test_readers_do_not_take_events_from_each_other(start_streaming: StartStreaming) -> None:
    links = accept(start_streaming(OFFLINE_MODEL_LATENCY_SECONDS="1"))
    readers = [EventSource(links["stream"]), EventSource(links["stream"], kept=1), EventSource(links["stream"])]
    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(EventSource.read, readers))
    late = EventSource(links["stream"])
    outcomes.append(late.read())
    assert [reader.text for reader in (*readers, late)] == [outcome["response"] for outcome in outcomes]
    assert len({json.dumps(outcome) for outcome in outcomes}) == 1


@pytest.mark.kills
def test_a_kill_in_the_middle_of_a_stream_begins_it_anew(start_streaming: StartStreaming) -> None:
    host = start_streaming(OFFLINE_MODEL_LATENCY_SECONDS="1")
    links = accept(host)
    reader = EventSource(links["stream"])
    pages = reader.read_to_first_text()
    host.restart()
    for _ in pages:
        pass
    done = reader.events[-1].data
    assert (reader.kinds().count("start"), reader.kinds()[-1]) == (2, "done")
    assert reader.text == done["response"] == pick_up(links)["response"]
    again = httpx.post(f"{host.url}{RUN}", json={"message": "Next", "session_id": "s1"}, timeout=SECONDS)
    assert (done["message_count"], again.json()["message_count"]) == (2, 4)


@pytest.mark.kills
def test_kills_at_any_moment_leave_the_right_text(start_streaming: StartStreaming) -> None:
    host = start_streaming(OFFLINE_MODEL_LATENCY_SECONDS="0.4")
    readers = [EventSource(accept(host, session=f"s{number}")["stream"], kept=2) for number in range(3)]
    for pause in (0.1, 0.3, 0.45):
        pages = [reader.pages() for reader in readers]
        deadline = time.monotonic() + pause
        while time.monotonic() < deadline:
            for page in pages:
                next(page, None)
        host.restart()
    for reader in readers:
        reader.read()
        assert reader.kinds().count("done") == 1
        assert reader.text == next(event.data["response"] for event in reader.events if event.kind == "done")


def test_a_redis_that_dies_costs_no_answer(start_host: Callable[..., HostProcess], redis: RedisServer) -> None:
    host = start_host(OFFLINE_MODEL_LATENCY_SECONDS="1.5", STREAM_REDIS_URL=redis.url)
    links = accept(host)
    reader = EventSource(links["stream"])
    pages = reader.read_to_first_text()
    redis.kill()
    for _ in pages:
        pass
    assert reader.kinds()[-1] == "done"
    assert reader.text == reader.events[-1].data["response"] == pick_up(links)["response"]
    down = accept(host, session="s2")
    assert EventSource(down["stream"]).read()["status"] == "success"
    assert host.output().count("breaks off") == 2
    assert "test-password" not in host.output()
    redis.start()
    back = EventSource(accept(host, session="s3")["stream"])
    back.read()
    assert back.kinds().count("text") > 1


def test_an_expired_stream_is_the_whole_answer(start_streaming: StartStreaming) -> None:
    host = start_streaming(STREAM_EXPIRY_SECONDS="1")
    links = accept(host)
    answer = pick_up(links)
    time.sleep(1.5)
    reader = EventSource(links["stream"])
    assert reader.read() == answer
    assert reader.kinds() == ["start", "text", "done"]
    assert reader.text == answer["response"]


def test_a_store_that_lost_its_file_is_the_whole_answer(start_host: Callable[..., HostProcess]) -> None:
    host = start_host()
    links = accept(host)
    answer = pick_up(links)
    (file,) = host.state.glob("streams.db")
    with closing(sqlite3.connect(file)) as database:
        database.execute("DELETE FROM events WHERE kind IN ('start', 'end')")
        database.commit()
    reader = EventSource(links["stream"])
    assert reader.read() == answer
    assert reader.text == answer["response"]


def test_the_stream_of_a_turn_that_a_summary_replaced_ends_with_a_failure(
    start_host: Callable[..., HostProcess],
) -> None:
    host = start_host(SESSION_COMPACTION_BYTES="1000", SESSION_KEEP_TURNS="1", STREAM_EXPIRY_SECONDS="1")
    links = accept(host)
    for number in range(3):
        pick_up(accept(host, f"Message {number}"))
    time.sleep(1.1)
    assert pick_up(links)["error_code"] == "answer_compacted"
    reader = EventSource(links["stream"])
    assert reader.read() == pick_up(links)
    assert reader.kinds() == ["failed"]


async def test_a_failing_model_ends_the_stream_with_its_failure(
    start_host: Callable[..., HostProcess], model: ChatCompletionsServer
) -> None:
    model.script(Failure(400, "No, prompt was: my secret", "bad"))
    host = await asyncio.to_thread(start_host, **model.settings)
    links = await asyncio.to_thread(accept, host)
    reader = EventSource(links["stream"])
    failed = await asyncio.to_thread(reader.read)
    assert (failed["status"], failed["error_code"], failed["response"]) == ("failed", "provider_rejected", None)
    assert failed == await asyncio.to_thread(pick_up, links)
    assert (reader.kinds()[-1], reader.last_id) == ("failed", "ended")
    assert "secret" not in str(reader.events)


async def test_a_lost_connection_to_the_model_takes_back_what_was_shown(
    start_host: Callable[..., HostProcess], model: ChatCompletionsServer
) -> None:
    model.script(BrokenStream("Once upon a"), Slow(Answer("Tea is good."), seconds=0.5))
    host = await asyncio.to_thread(start_host, **model.settings)
    reader = EventSource((await asyncio.to_thread(accept, host))["stream"])
    done = await asyncio.to_thread(reader.read)
    assert reader.text == done["response"] == "Tea is good."
    assert reader.kinds().count("start") == 2


async def test_a_tool_call_is_shown_without_its_arguments(
    start_host: Callable[..., HostProcess], model: ChatCompletionsServer
) -> None:
    search = ToolCall("call_1", "search_library", {"query": "private"})
    model.script(Answer("Let me see. ", tool_calls=(search,)), Answer("It is two years."))
    host = await asyncio.to_thread(start_host, **model.settings)
    links = await asyncio.to_thread(accept, host, agent="Researcher")
    reader = EventSource(links["stream"])
    done = await asyncio.to_thread(reader.read)
    assert [event.data for event in reader.events if event.kind == "tool_call"] == [{"name": "search_library"}]
    assert reader.text == done["response"]
    assert "private" not in str(reader.events)


@pytest.mark.devhost_only("the Functions host itself looks at WEBSITE_SITE_NAME, so what runs it may take it out")
async def test_in_azure_without_redis_the_answer_comes_as_a_whole(
    start_host: Callable[..., HostProcess], model: ChatCompletionsServer
) -> None:
    model.script(Slow(Answer("At last."), seconds=1))
    # Nobody listens there: the list of sessions must not cost an answer either.
    nowhere = "https://127.0.0.1:9"
    azure = {"SESSION_TABLE_ACCOUNT_URL": nowhere, "BLOB_ACCOUNT_URL": nowhere, "APPROVAL_LINK_KEY": "k" * 32}
    host = await asyncio.to_thread(
        start_host, STREAM_WAIT_SECONDS="0.3", WEBSITE_SITE_NAME="my-app", **azure, **model.settings
    )
    reader = EventSource((await asyncio.to_thread(accept, host))["stream"])
    pages = await asyncio.to_thread(lambda: list(reader.pages()))
    assert pages[0] == []
    assert reader.kinds() == ["start", "text", "done"]
    assert reader.text == "At last."
    assert not list(host.state.glob("streams.db*"))


def test_a_stream_waits_for_its_first_event(start_host: Callable[..., HostProcess]) -> None:
    host = start_host(OFFLINE_MODEL_LATENCY_SECONDS="20", STREAM_WAIT_SECONDS="1")
    accept(host, "Tea")
    queued = accept(host, "And milk")
    began = time.monotonic()
    response = httpx.get(queued["stream"], params={"last_event_id": ""}, timeout=SECONDS)
    assert (response.status_code, parse(response.text)) == (200, [])
    assert 1 <= time.monotonic() - began < 10


def test_the_last_id_may_stand_in_the_query_and_the_header_comes_first(api: Any, host: HostProcess) -> None:
    links = accept(host, session="query-1")
    reader = EventSource(links["stream"])
    reader.read()
    first = reader.events[0].id
    page = parse(api.http.get(links["stream"], params={"last_event_id": first}).text)
    assert page == reader.events[-len(page) :]
    assert page[0].kind == "text"
    for how in ({"params": {"last_event_id": "ended"}}, {"headers": {"Last-Event-ID": "ended"}}):
        assert api.http.get(links["stream"], **how).status_code == 204
    both = api.http.get(links["stream"], params={"last_event_id": first}, headers={"Last-Event-ID": "ended"})
    assert both.status_code == 204


@pytest.mark.parametrize("last_event_id", ["x", "1", "1-x", "-1", "$", "0-0 COUNT 1", "1-1\r\nSet-Cookie: x", "done"])
def test_what_is_no_id_of_an_event_is_refused(api: Any, host: HostProcess, last_event_id: str) -> None:
    links = accept(host, session="bad-id-1")
    response = api.http.get(links["stream"], params={"last_event_id": last_event_id})
    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/problem+json")
    assert "Last-Event-ID" in response.json()["detail"]


def test_a_stream_nobody_was_told_of_is_404(api: Any, host: HostProcess) -> None:
    real = accept(host, session="forged-stream")["stream"].split("/")[-2]
    for session, correlation_id in [("forged-stream", "0" * 40), ("other", real), ("forged-stream", "x"), ("..", real)]:
        path = f"/api/agents/Writer/sessions/{session}/responses/{correlation_id}/stream"
        assert api.http.get(path).status_code == 404
    path = f"/api/agents/Nobody/sessions/forged-stream/responses/{real}/stream"
    assert api.http.get(path).json()["type"] == "urn:problem:unknown-agent"
