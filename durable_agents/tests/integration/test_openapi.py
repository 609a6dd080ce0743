"""The OpenAPI document: valid, complete, and true, which thousands of generated requests try to disprove."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import validate
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from devhost.testing.host_process import HostProcess
from devhost.testing.plugin import NewHost
from durable_agents import __version__

# Left out: positive_data_acceptance, as a schema cannot say which ids exist and which addresses are possible;
# ignored_auth, as a local host asks for no key; unsupported_method and allow_header_conformance, as the Functions host
# answers 404 to another method; the checks of what follows after a deletion, as they need requests in a sequence.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
PROJECT = Path(__file__).parents[2] / "pyproject.toml"
EXAMPLES = 10
LONGEST_WAIT = 230
SEED = 7


@pytest.fixture(scope="module")
def fuzzed_host(tmp_path_factory: pytest.TempPathFactory, new_host: NewHost, app_root: Path) -> Iterator[HostProcess]:
    """A host of this module's own, where no answer is waited for longer than a second."""
    with new_host(tmp_path_factory.mktemp("fuzzed"), app_root, AGENT_WAIT_SECONDS="1", STREAM_WAIT_SECONDS="1") as host:
        yield host
        host.stop()


@pytest.fixture(scope="module")
def document(fuzzed_host: HostProcess) -> dict[str, Any]:
    with fuzzed_host.client() as http:
        answer: dict[str, Any] = http.get("/api/openapi.json").json()
    return answer


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_its_server_is_where_it_was_asked_for(document: dict[str, Any], fuzzed_host: HostProcess) -> None:
    assert document["servers"] == [{"url": f"{fuzzed_host.url}/api"}]


def test_its_version_is_that_of_the_library(document: dict[str, Any]) -> None:
    assert document["info"]["version"] == __version__


def listed_functions(fuzzed_host: HostProcess) -> dict[tuple[str, str], str]:
    """Return method and route template of each HTTP function, as the host lists them when it starts, with its name."""
    lines = re.findall(r"^\s*(\S+): \[([A-Z,]+)\] \S+?/api/(\S+)$", fuzzed_host.output(), re.MULTILINE)
    return {(method, template): name for name, methods, template in lines for method in methods.split(",")}


@pytest.mark.devhost_only("it reads the list of routes that devhost prints")
def test_every_function_is_in_the_document_and_vice_versa(document: dict[str, Any], fuzzed_host: HostProcess) -> None:
    functions = listed_functions(fuzzed_host)
    assert len(functions) > 20
    described: set[tuple[str, str]] = set()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            same = [
                (verb, template)
                for (verb, template), name in functions.items()
                if verb == method.upper() and operation["operationId"].startswith(name) and stands_for(template, path)
            ]
            assert len(same) == 1, (method, path)
            described.update(same)
    assert described == set(functions)


def stands_for(template: str, path: str) -> bool:
    """Say whether the path of the document is the route template, or the template with a value in it."""
    pattern = re.sub(r"\\{\w+\\}", r"(?:\\{\\w+\\}|[\\w-]+)", re.escape(template))
    return re.fullmatch(f"/{pattern}", path) is not None


def test_agents_and_orchestrations_are_paths_with_their_own_models(document: dict[str, Any]) -> None:
    paths, schemas = document["paths"], document["components"]["schemas"]
    body = paths["/runs/content_approval"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    article = schemas[body["$ref"].rpartition("/")[2]]
    assert article["required"] == ["topic"]
    assert article["properties"]["max_revisions"]["default"] == 3
    assert article["additionalProperties"] is False
    assert schemas["WriterAnswer"]["properties"]["value"]["$ref"] == "#/components/schemas/Draft"
    assert "/agents/Writer/run" in paths


def test_only_health_and_signed_links_need_no_key(document: dict[str, Any]) -> None:
    operations = [one for methods in document["paths"].values() for one in methods.values()]
    anonymous = {one["operationId"] for one in operations if one.get("security") == []}
    page = {"show_review_page", "show_review_page_head"}
    assert anonymous == {"check_health", "read_review", "decide_review"} | page
    assert document["security"] == [{"key_in_header": []}, {"key_in_query": []}]


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_generated_request_gets_an_answer_the_document_does_not_have(
    mode: GenerationMode, document: dict[str, Any], fuzzed_host: HostProcess
) -> None:
    # A body of impossible size is refused as such.
    refusals = [400, 403, 404, 409, 410, 413, 415, 422]
    config = SchemathesisConfig.from_dict({"checks": {"negative_data_rejection": {"expected-statuses": refusals}}})
    schema = schemathesis.openapi.from_dict(document, config=config)
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        fuzz(result.ok(), mode, f"{fuzzed_host.url}/api")


def fuzz(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, url: str) -> None:
    """Send generated requests, the same ones at every run, and check the answers."""
    if mode.is_negative and not (operation.body or operation.path_parameters or operation.query or operation.headers):
        return

    @hypothesis.seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Case[Any]) -> None:
        wait = str(case.query.get("wait", ""))
        if wait.isdecimal() and 0 < int(wait) <= LONGEST_WAIT:
            # Some runs wait for a human, who does not come.
            case.query["wait"] = 1
        case.call_and_validate(url, checks=CHECKS, timeout=20)

    check()
