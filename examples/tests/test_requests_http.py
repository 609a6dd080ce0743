"""Each requests.http, run from top to bottom on its app: the answers are what the OpenAPI document says."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from devhost.testing.host_process import REPOSITORY, HostProcess
from devhost.testing.plugin import NewHost, StartHost
from examples.tests.http_file import HttpFile, HttpFileRequest

EXAMPLES = REPOSITORY / "examples"


class Contract:
    """The OpenAPI document, read strictly: an answer may have no member that is not in its schema."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._paths: dict[str, Any] = document["paths"]
        self._components = document["components"]
        for schema in self._components["schemas"].values():
            if "properties" in schema:
                schema.setdefault("additionalProperties", False)

    def lacks(self, url: str) -> list[str]:
        """Return the agent, the orchestration or the workflow of a URL if the app does not have it."""
        named = re.findall(r"/(agents|runs|workflow)/([\w-]+)", url)
        paths = [f"/{kind}/{name}" if kind == "runs" else f"/{kind}/{name}/run" for kind, name in named]
        paths += re.findall(r"\}(/(?:singleagent|multiagent|spamdetection|hitl)/run)", url)
        paths += ["/chat/{session}"] if "/chat/" in url else []
        return [path for path in paths if path not in self._paths]

    def find(self, method: str, path: str) -> str:
        """Return the path of the document that a request is for: the one with the fewest parameters."""
        fitting = [
            template
            for template, methods in self._paths.items()
            if method.lower() in methods and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
        ]
        return min(fitting, key=lambda template: template.count("{"))

    def check(self, method: str, template: str, status: int, media_type: str, content: bytes) -> None:
        """Check an answer.

        Raises:
            ValidationError: It is not what the document says.
        """
        response = self._paths[template][method.lower()]["responses"][str(status)]
        if not content:
            return
        schema = response["content"][media_type]["schema"]
        if media_type.endswith("json"):
            OAS31Validator({**schema, "components": self._components}).validate(json.loads(content))


def find_token(host: HostProcess, instance_id: str) -> str:
    """Return the secret of the link that the reviewer of a run was sent."""
    deadline = time.monotonic() + 15
    while not (files := list((host.outbox / "reviews").glob(f"{instance_id}-*.json"))):
        assert time.monotonic() < deadline, instance_id
        time.sleep(0.05)
    found = re.search(r'"url": "[^"#]+#([^"]+)"', files[0].read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


def test_every_request_answers_as_its_file_and_the_document_say(new_host: NewHost, tmp_path: Path) -> None:
    with new_host(tmp_path / "host", app_root=REPOSITORY) as host:
        check_requests("requests.http", host)


def test_the_requests_of_the_public_samples_answer_so_too(start_host: StartHost) -> None:
    check_requests("public_samples/requests.http", start_host())


def check_requests(file: str, host: HostProcess) -> None:
    """Send the requests; without those about something that was removed from the app, the test is skipped."""
    story = HttpFile.parse((EXAMPLES / file).read_text(encoding="utf-8"))
    story.variables["host"] = host.url
    with host.client() as http:
        contract = Contract(http.get("/api/openapi.json").json())

        def is_possible(request: HttpFileRequest) -> bool:
            # The file has a text in its place for whoever reads it.
            has_token = "{{token}}" not in request.body or not story.variables["token"].startswith("paste-")
            return has_token and not contract.lacks(request.url)

        for request, response in story.run(http, is_possible):
            told = f"{request.method} {response.url}: {response.status_code} {response.text}"
            assert response.status_code == request.status if request.status else response.is_success, told
            template = contract.find(request.method, response.url.path.removeprefix("/api"))
            media_type = response.headers.get("content-type", "").partition(";")[0]
            contract.check(request.method, template, response.status_code, media_type, response.content)
            if request.name == "again":
                story.variables["token"] = find_token(host, response.json()["instance_id"])
    if gone := sorted({name for request in story.left_out for name in contract.lacks(request.url)}):
        pytest.skip(f"{file} asks for {', '.join(gone)}, which this app does not have")
