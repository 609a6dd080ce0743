"""The app with the settings that Bicep gives it: every orchestration and workflow ends, and no file is written.

In the place of Azure's endpoints there are servers on this machine. The model is the one of another provider: nothing
here stands for its protocol in Azure.
"""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest

from devhost.testing.host_process import DevhostProcess, HostProcess
from durable_agents.chat_clients.offline_transport import OfflineTransport
from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, ChatRequest, ToolCall
from durable_agents.tests.support.blob_server import BlobServer
from durable_agents.tests.template.pattern_runs import PatternRuns, check_completed
from durable_agents.tests.template.patterns import PATTERNS, Pattern
from durable_agents.tests.template.test_workflow_branches import STORIES, Story, give, is_over, look, start
from infra.tests.identity_server import IdentityServer, write_certificate
from infra.tests.test_app_settings import PROJECT, VALUES, deployed_environment
from infra.tests.test_deployed_files import deployed

pytestmark = pytest.mark.timeout(180)

REFERENCE = "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/approval-link-key)"
CONTAINERS = {"audit", "drafts", "outbox", "payloads", "published"}
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

    def files(self) -> dict[str, int]:
        """Return what is in the app's folder, which is its working directory too, and when it was written."""
        paths = (path for path in self.folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {str(path.relative_to(self.folder)): path.stat().st_mtime_ns for path in paths}


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """What is deployed, in a folder that nobody may write to, and not started yet."""
    folder = tmp_path_factory.mktemp("wwwroot")
    for path in deployed():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / path, folder / path)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    certificate = write_certificate(tmp_path_factory.mktemp("certificate"))
    with BlobServer(certificate) as blobs, IdentityServer() as identity, ChatCompletionsServer() as model:
        local = {
            # Empty is not set: the defaults hold, which are relative folders.
            **dict.fromkeys(("OUTBOX_DIR", "STATE_DIR", "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_DEPLOYMENT_NAME"), ""),
            **{
                "STREAM_REDIS_URL": "",
                "BLOB_ACCOUNT_URL": blobs.url,
                "SESSION_TABLE_ACCOUNT_URL": f"{blobs.url}/table",
            },
            **{"REQUESTS_CA_BUNDLE": str(certificate[0]), "PYTHONDONTWRITEBYTECODE": "1"},
        }
        environment = {**deployed_environment(), **identity.settings, **model.settings, **local}
        host = DevhostProcess(tmp_path_factory.mktemp("host"), folder, **environment)
        yield Deployed(host, folder, blobs, identity, model)
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
    assert app.identity.client_ids == {VALUES["identity.outputs.clientId"]}


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_every_orchestration_ends(app: Deployed, unchanged: None, pattern: Pattern) -> None:
    runs = PatternRuns(app.host.url, app.host.outbox)
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
    check_receipts(app, ended["output"])


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


def test_before_the_vault_has_given_the_key_everything_but_links_works(app: Deployed) -> None:
    """The last test: it starts the app anew."""
    app.host.kill()
    app.host.set_environment(APPROVAL_LINK_KEY=REFERENCE, APPROVAL_LINK_PREVIOUS_KEY=REFERENCE)
    app.host.start()
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


def wait(http: httpx.Client, run_id: str, reached: Any) -> dict[str, Any]:
    deadline = time.monotonic() + 30
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
