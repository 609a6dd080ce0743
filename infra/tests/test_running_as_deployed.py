"""The app with the settings that Bicep gives it: every orchestration and workflow ends, and no file is written.

In the place of Azure's endpoints there are servers on this machine, see `deployed_settings`. With `--host func` the
host asks for keys, and the whole disk of the app is read only.
"""

import errno
import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest

from devhost.testing.host_process import DevhostProcess, HostProcess
from devhost.testing.plugin import NewHost
from durable_agents.chat_clients.offline_transport import OfflineTransport
from durable_agents.http.access import OPERATOR_KEY_HEADER
from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, ChatRequest, ToolCall
from durable_agents.tests.support.blob_server import BlobServer
from durable_agents.tests.template.pattern_runs import PatternRuns, check_completed
from durable_agents.tests.template.patterns import PATTERNS, Pattern
from durable_agents.tests.template.test_workflow_branches import STORIES, Story, give, is_over, look, start
from durable_agents.tests.wire.faults import Slow
from infra.tests.azure_tables import azure_tables
from infra.tests.deployed_host import DeployedHost, cannot_run
from infra.tests.deployed_settings import (
    CLIENT_ID,
    ENDPOINTS,
    IDENTITY,
    LEFT_OUT,
    OF_THE_PLATFORM,
    SCHEDULER,
    SECRETS,
    given_by_bicep,
    with_local_servers,
)
from infra.tests.identity_server import IdentityServer, write_certificate
from infra.tests.ingestion_server import IngestionServer
from infra.tests.test_deployed_files import PROJECT, deployed
from settings import Settings

pytestmark = [pytest.mark.sample, pytest.mark.timeout(240)]

REFERENCE = "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/approval-link-key)"
CONTAINERS = {"audit", "drafts", "outbox", "payloads", "published"}
# The worker sends its spans as often as this.
EXPORT_SECONDS = 6
# As docs/operations.md says it.
ALL_SPANS = {"OTEL_TRACES_SAMPLER": "microsoft.fixed_percentage", "OTEL_TRACES_SAMPLER_ARG": "1.0"}
# At noon of the first of January 2026, as the patterns have it.
NOON = "Thu, 01 Jan 2026 12:00:00 GMT"


@dataclass
class Deployed:
    """The app on a host, and what is around it."""

    host: HostProcess
    folder: Path
    blobs: BlobServer
    identity: IdentityServer
    model: ChatCompletionsServer
    insights: IngestionServer

    def files(self) -> dict[str, int]:
        """Return what is in the app's folder, which is its working directory too, and when it was written."""
        paths = (path for path in self.folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {str(path.relative_to(self.folder)): path.stat().st_mtime_ns for path in paths}


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory, new_host: NewHost) -> Iterator[Deployed]:
    """What is deployed, in a folder that nobody may write to, and not started yet."""
    if isinstance(new_host, partial) and (reason := cannot_run()) is not None:
        pytest.skip(reason)
    place = tmp_path_factory.mktemp("deployed")
    folder = place / "app"
    for path in deployed():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / path, folder / path)
    aside = tmp_path_factory.mktemp("aside")
    certificate = write_certificate(aside)
    with (
        BlobServer(certificate) as blobs,
        # Azurite is only needed on that host: without tables, sessions are not listed.
        azure_tables(certificate, aside) if isinstance(new_host, partial) else nullcontext(f"{blobs.url}/t") as tables,
        IdentityServer() as identity,
        IngestionServer(certificate) as insights,
        ChatCompletionsServer(api_key=identity.token, model=given_by_bicep()["AZURE_OPENAI_DEPLOYMENT_NAME"]) as model,
    ):
        told = with_local_servers(
            {
                "APPLICATIONINSIGHTS_CONNECTION_STRING": insights.connection_string,
                "AZURE_OPENAI_ENDPOINT": model.azure_endpoint,
                "BLOB_ACCOUNT_URL": blobs.url,
                "SESSION_TABLE_ACCOUNT_URL": tables,
            }
        )
        platform = {**identity.settings, **OF_THE_PLATFORM, "REQUESTS_CA_BUNDLE": str(certificate[0])}
        if isinstance(new_host, partial):
            host: HostProcess = DeployedHost(place, storage=new_host.keywords["storage"], settings=told | platform)
        else:
            # Empty is not set: the defaults hold, which are relative folders.
            local = {"OUTBOX_DIR": "", "STATE_DIR": "", "PYTHONDONTWRITEBYTECODE": "1"}
            for path in (folder, *folder.rglob("*")):
                path.chmod(0o555 if path.is_dir() else 0o444)
            host = DevhostProcess(tmp_path_factory.mktemp("host"), folder, **told, **platform, **local)
        yield Deployed(host, folder, blobs, identity, model, insights)
        host.kill()
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)


@pytest.fixture(scope="module")
def app(around: Deployed) -> Deployed:
    """The same, started."""
    around.host.start()
    return around


@pytest.fixture
def unchanged(app: Deployed) -> Iterator[None]:
    """Nothing has written into the app's folder, and all blobs are in containers that Bicep creates."""
    before = app.files()
    yield
    assert app.files() == before
    assert {name.partition("/")[0] for name in app.blobs.content} <= CONTAINERS
    assert app.identity.client_ids == {CLIENT_ID}


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_every_orchestration_ends(app: Deployed, unchanged: None, pattern: Pattern) -> None:
    with app.host.client() as http:
        runs = PatternRuns(app.host.url, app.host.outbox, {"x-functions-key": http.headers.get("x-functions-key", "")})
    runs.skip_without(pattern)
    app.model.answer_by(pattern.answer)
    for name, text in pattern.published.items():
        app.blobs.content[f"published/{name}"] = text.encode()
        app.blobs.written[f"published/{name}"] = NOON
    run = runs.finish(pattern, "deployed")
    check_completed(run, pattern.output)
    check_receipts(app, run["output"])


@pytest.mark.parametrize("name", STORIES)
def test_every_workflow_ends(app: Deployed, unchanged: None, name: str) -> None:
    story: Story = STORIES[name]
    if not (PROJECT / "workflows" / f"{story.workflow}.py").exists():
        pytest.skip(f"this app has no {story.workflow}")
    app.model.answer_by(offline_answer)
    with app.host.client() as http:
        instance_id = start(http, story)
        for answer in story.answers:
            give(app.host, story, instance_id, answer)
        ended = look(http, story, instance_id, is_over)
    assert ended["runtimeStatus"] == "Completed", ended
    (output,) = ended["output"]
    assert output["outcome"] == story.outcome
    assert story.shows(output)
    check_receipts(app, output)


def test_a_refund_is_kept_where_it_is_found_again(app: Deployed, unchanged: None) -> None:
    app.model.answer_by(offline_answer)
    with app.host.client() as http:
        body = {"message": "Refund 12.00 for order 7, please.", "session_id": "shop"}
        answer = http.post("/api/agents/ShopAssistant/run", json=body)
        assert (answer.status_code, answer.json()["status"]) == (202, "waiting_for_approval"), answer.text
        response, deadline = answer.json()["links"]["response"], time.monotonic() + 30
        while not (approvals := http.get("/api/approvals").json()["approvals"]):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        path = f"/api/approval/{approvals[0]['instance_id']}"
        assert http.post(path, json={"request_id": approvals[0]["request_id"], "approved": True}).status_code == 200
        while http.get(response).status_code == 202:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert len(outbox_of(app, "refunds")) == 1


@pytest.fixture
def func(app: Deployed) -> DeployedHost:
    """The Functions host; devhost asks for no keys, and is told more."""
    if not isinstance(app.host, DeployedHost):
        pytest.skip("devhost asks for no keys, and runs beside what the tests are")
    return app.host


def test_the_app_is_told_what_bicep_gives_and_nothing_else(app: Deployed, func: DeployedHost) -> None:
    given, told = given_by_bicep(), func.told()
    # The host says where it is by itself.
    assert {name: told.get(name) for name in func.settings if name != "WEBSITE_HOSTNAME"} == {
        name: value for name, value in func.settings.items() if name != "WEBSITE_HOSTNAME"
    }
    assert set(given) - set(func.settings) == LEFT_OUT
    unlike = {name for name in given if given[name] != func.settings.get(name)}
    assert unlike == ENDPOINTS | set(SECRETS) | set(IDENTITY) | set(SCHEDULER) | LEFT_OUT
    assert set(func.settings) - set(given) == {*OF_THE_PLATFORM, *app.identity.settings, "REQUESTS_CA_BUNDLE"}
    assert set(Settings.model_fields) & set(told) <= set(given)


def test_the_disk_is_read_only_but_for_what_is_temporary(app: Deployed, func: DeployedHost, unchanged: None) -> None:
    assert func.told()["AzureWebJobsScriptRoot"] == str(app.folder)
    for folder in (app.folder, app.folder / "agents", Path("/usr"), Path("/etc")):
        assert func.write_error(folder) == errno.EROFS, folder
    assert func.write_error(Path(func.told()["TMPDIR"])) is None


def test_every_route_wants_a_key_but_those_that_are_for_everybody(func: DeployedHost) -> None:
    opened = set()
    routes = list(func.routes())
    for function, method, path in routes:
        for key in ({}, {"x-functions-key": "wrong"}):
            status = httpx.request(method, f"{func.url}/api/{path}", headers=key, json={}, timeout=30).status_code
            if status != 401:
                opened.add(function)
    assert len(routes) > 30
    assert opened == {"check_health", "show_review_page", "read_review", "decide_review"}
    assert httpx.get(f"{func.url}/api/health").json() == {"status": "healthy"}


def test_each_key_opens_what_the_documents_say(func: DeployedHost) -> None:
    def status(path: str, key: str, method: str = "GET", **headers: str) -> int:
        sent = {"x-functions-key": key, **headers}
        return httpx.request(method, f"{func.url}{path}", headers=sent, timeout=30).status_code

    one, every, master = func.function_key("list_agents"), func.function_key(), func.headers()["x-functions-key"]
    opens = {
        "/api/agents": [True, True, True],
        "/api/runs": [False, True, True],
        "/runtime/webhooks/durabletask/instances": [False, False, True],
        "/admin/functions": [False, False, True],
    }
    assert {path: [status(path, key) == 200 for key in (one, every, master)] for path in opens} == opens
    for key in (every, master):
        path = "/api/runs/content_approval-none/cancel"
        assert status(path, key, "POST") == 403
        assert status(path, key, "POST", **{OPERATOR_KEY_HEADER: "wrong" * 15}) == 403
        assert status(path, key, "POST", **func.operator()) == 404


def test_an_operator_cancels_a_run(app: Deployed, func: DeployedHost, unchanged: None) -> None:
    app.model.answer_by(offline_answer)
    with func.client() as http:
        run_id = http.post("/api/runs/content_approval", json={"topic": "coffee"}).json()["instance_id"]
        wait(http, run_id, lambda run: run["waiting_for"])
        assert http.post(f"/api/runs/{run_id}/cancel").status_code == 403
        assert http.post(f"/api/runs/{run_id}/cancel", headers=func.operator()).status_code in (200, 202)
        wait(http, run_id, lambda run: run["runtime_status"] == "Terminated")


def test_a_reviewer_decides_with_a_link_and_without_a_key(app: Deployed, func: DeployedHost, unchanged: None) -> None:
    app.model.answer_by(offline_answer)
    with func.client() as http:
        run_id = http.post("/api/runs/content_approval", json={"topic": "coffee"}).json()["instance_id"]
        request_id = wait(http, run_id, lambda run: run["waiting_for"])["waiting_for"]["request_id"]
        name = f"outbox/reviews/{run_id}-{request_id}.json"
        deadline = time.monotonic() + 30
        while name not in app.blobs.content:
            assert time.monotonic() < deadline, outbox_of(app, "reviews")
            time.sleep(0.1)
        token = json.loads(app.blobs.content[name])["links"][0]["url"].partition("#")[2]
        shown = httpx.post(f"{func.url}/api/review", json={"token": token})
        assert shown.json()["request"]["request_id"] == request_id, shown.text
        forged = httpx.post(f"{func.url}/api/review/decision", json={"token": f"{token[:-4]}AAAA", "approved": True})
        assert forged.status_code in (401, 403, 404)
        taken = httpx.post(f"{func.url}/api/review/decision", json={"token": token, "approved": True})
        assert taken.status_code == 200, taken.text
        ended = wait(http, run_id, lambda run: run["runtime_status"] != "Running")
    assert (ended["runtime_status"], ended["output"]["outcome"]) == ("Completed", "published")


def test_every_agent_answers(app: Deployed, func: DeployedHost, unchanged: None) -> None:
    app.model.answer_by(offline_answer)
    with func.client() as http, ThreadPoolExecutor(4) as pool:
        names = [agent["name"] for agent in http.get("/api/agents").json()["agents"]]
        asked = [pool.submit(http.post, f"/api/agents/{name}/run", json={"message": "Hello"}) for name in names]
        answers = {name: one.result() for name, one in zip(names, asked, strict=True)}
    said = {name: (answer.status_code, answer.json()["status"]) for name, answer in answers.items()}
    assert len(said) > 20
    assert said == dict.fromkeys(names, (200, "success"))
    assert all(answer.json()["response"] for answer in answers.values())
    with func.client() as http:
        for name in names:
            session = answers[name].json()["session_id"]
            listed = http.get(f"/api/agents/{name}/sessions").json()["sessions"]
            assert session in [one["session_id"] for one in listed], name


def test_no_orchestration_or_workflow_is_forgotten(func: DeployedHost) -> None:
    with func.client() as http:
        paths = http.get("/api/openapi.json").json()["paths"]
    started = {path.removeprefix("/runs/") for path in paths if path.startswith("/runs/") and "{" not in path}
    graphs = {path.split("/")[2] for path in paths if path.startswith("/workflow/") and path.endswith("/run")}
    assert started - {f"dafx-{name}" for name in graphs} == {pattern.name for pattern in PATTERNS}
    assert graphs == {story.workflow for story in STORIES.values()}


def test_telemetry_does_not_tell_of_itself(app: Deployed, func: DeployedHost) -> None:
    sent = len(app.insights.items)
    time.sleep(EXPORT_SECONDS)
    loggers = {item["data"]["baseData"]["properties"].get("logger_name") for item in app.insights.items[sent:]}
    assert {name for name in loggers if str(name).startswith("azure.")} == set()


@pytest.fixture(scope="module")
def anew(app: Deployed) -> Deployed:
    """The app started anew, before the vault has given the key of links, and with no span left out under load.

    The tests with it are the last ones.
    """
    app.host.kill()
    app.host.set_environment(APPROVAL_LINK_KEY=REFERENCE, APPROVAL_LINK_PREVIOUS_KEY=REFERENCE, **ALL_SPANS)
    app.host.start()
    return app


def test_before_the_vault_has_given_the_key_everything_but_links_works(anew: Deployed) -> None:
    app = anew
    app.model.answer_by(offline_answer)
    with app.host.client() as http:
        page, said = http.get("/api/review"), http.post("/api/review", json={"token": f"{'a' * 20}.{'b' * 43}"})
        assert (page.status_code, said.status_code) == (200, 503)
        assert said.json()["type"] == "urn:problem:no-link-key"
        deep = http.get("/api/health/details", params={"deep": "1"})
        assert (deep.status_code, deep.json()["checks"]["approval_links"]["status"]) == (503, "failed")
        assert http.get("/api/health").status_code == 200
        answer = http.post("/api/agents/Writer/run", json={"message": "Hello"})
        assert (answer.status_code, answer.json()["status"]) == (200, "success"), answer.text
        asked = http.post("/api/runs/content_approval", json={"topic": "coffee"}).json()["instance_id"]
        waiting = wait(http, asked, lambda run: "key of their links" in ((run["waiting_for"] or {}).get("note") or ""))
        assert not any(waiting["waiting_for"]["request_id"] in name for name in outbox_of(app, "reviews"))
        decision = {"request_id": waiting["waiting_for"]["request_id"], "approved": True}
        assert http.post(f"/api/approval/{asked}", json=decision).status_code == 200
        ended = wait(http, asked, lambda run: run["runtime_status"] != "Running")
        assert (ended["runtime_status"], ended["output"]["outcome"]) == ("Completed", "published")
        assert ended["output"]["notifications"] == []


def test_over_a_death_of_the_worker_each_turn_has_one_span(anew: Deployed, func: DeployedHost) -> None:
    app, asked = anew, len(anew.model.requests)
    verdict = Answer(json.dumps({"is_spam": False, "confidence": 0.9, "reason": "An order."}))
    reply = Answer(json.dumps({"subject": "Re: Order 7", "body": "On its way."}))
    app.model.script(verdict, Slow(reply, 15), reply)
    mail = {"sender": "ada@example.com", "subject": "Order 7", "body": "Where is it?"}
    with func.client() as http:
        run_id = http.post("/api/runs/email_triage", json={"email": mail}).json()["instance_id"]
        # The first turn's span has left the worker; the second turn is lost with it, and taken anew.
        until(lambda: len(app.model.requests) == asked + 2 and len(turns_of(app, run_id)) == 1)
        func.kill_worker()
        # Who asks while the worker dies is answered with an empty 500.
        until(lambda: http.get(f"/api/runs/{run_id}").status_code == 200, seconds=120)
        ended = wait(http, run_id, lambda run: run["runtime_status"] != "Running", seconds=120)
    assert (ended["runtime_status"], ended["output"]["outcome"]) == ("Completed", "replied"), ended
    until(lambda: len(turns_of(app, run_id)) == 2)
    time.sleep(EXPORT_SECONDS)
    turns = turns_of(app, run_id)
    assert [turn["name"] for turn in turns] == ["turn SpamDetector", "turn EmailAssistant"]
    assert {turn["properties"]["durable_agents.outcome"] for turn in turns} == {"answered"}
    below = [span for turn in turns for span in app.insights.spans("invoke_agent ") if span["parent"] == turn["id"]]
    assert [span["name"] for span in below] == ["invoke_agent SpamDetector", "invoke_agent EmailAssistant"]
    # What an activity does is below a span of the host, which this one does not send.
    sent = {span["id"] for span in app.insights.spans("")}
    assert any(span["parent"] and span["parent"] not in sent for span in app.insights.spans("BlobClient.upload_blob"))
    assert app.insights.tokens == {f"Bearer {app.identity.token}"}


def check_receipts(app: Deployed, output: Any) -> None:
    """Whatever says where something is names a blob that is there, and does not call it delivered."""
    for receipt in receipts_in(output):
        name = str(receipt["location"]).replace("%2F", "/").removeprefix(f"{app.blobs.url}/")
        assert name in app.blobs.content, receipt
        assert receipt.get("delivered") is not True, receipt


def receipts_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("location"), str):
            yield value
        for member in value.values():
            yield from receipts_in(member)
    elif isinstance(value, list):
        for member in value:
            yield from receipts_in(member)


def outbox_of(app: Deployed, folder: str) -> list[str]:
    return [name for name in app.blobs.content if name.startswith(f"outbox/{folder}/")]


def turns_of(app: Deployed, run_id: str) -> list[dict[str, Any]]:
    """Return the spans of the turns of a run that have left the app."""
    turns = app.insights.spans("turn ")
    return [turn for turn in turns if turn["properties"].get("durable_agents.instance_id") == run_id]


def until(reached: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def wait(http: httpx.Client, run_id: str, reached: Any, seconds: float = 30) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while not reached(run := http.get(f"/api/runs/{run_id}").json()):
        assert time.monotonic() < deadline, run
        time.sleep(0.05)
    shown: dict[str, Any] = run
    return shown


def offline_answer(request: ChatRequest) -> Answer:
    """Answer as the offline model does."""
    asked = httpx2.Request("POST", "http://x/v1/chat/completions", json={**request.body, "stream": False})
    answer = json.loads(OfflineTransport().handle_request(asked).read())
    message = answer["choices"][0]["message"]
    calls = tuple(
        ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in message.get("tool_calls") or ()
    )
    return Answer(message.get("content") or "", calls)
