"""Adding something as README and CONTRIBUTING say, or deleting a sample, turns nothing red.

Each test works on a copy of the project. Of the library's tests those of its units are run there: its integration tests
run an app of their own, on which nothing of the user's has an effect, see test_layering.py. What is skipped for its
minutes runs with THOROUGH=1 in the environment, as in CI.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from durable_agents.tests.template.scratch_project import ROOT, ScratchProject

TEMPLATE = "durable_agents/tests/template"
# These take long, and each looks at one sample only.
ASIDE = [f"--ignore={TEMPLATE}/{name}.py" for name in ("test_agent_loop", "test_chat_session", "test_patterns_crash")]
PYTEST = ("pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *ASIDE)
NOT_THESE = f"--ignore={TEMPLATE}/test_adding.py"
# It takes long and looks at one activity, which is deleted in none of these tests.
WITHOUT_MAIL = "--ignore=tests/activities/test_send_email_properties.py"
YOURS = [
    "activities",
    "agents",
    "entities",
    "orchestrations",
    "routes",
    "tests",
    "workflows",
    "function_app.py",
    "settings.py",
]

pytestmark = [pytest.mark.timeout(900), pytest.mark.devhost_only("it looks at which files are there")]


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> ScratchProject:
    """The project with one thing more of each kind."""
    project = ScratchProject(tmp_path_factory.mktemp("extended") / "project")
    readme, contributing = ((ROOT / name).read_text("utf-8") for name in ("README.md", "CONTRIBUTING.md"))
    project.add_as_told(re.split(r"^##+ ", readme.partition("# Add an agent\n")[2], flags=re.MULTILINE)[0])
    for section in re.split(r"^##+ ", contributing, flags=re.MULTILINE):
        project.add_as_told(section)
    # As CONTRIBUTING says of imports and long lines.
    project.run("ruff", "check", "--select", "I", "--fix", "function_app.py")
    project.run("ruff", "format", "function_app.py")
    return project


def test_the_documents_add_one_of_each_kind(extended: ScratchProject) -> None:
    for kind in ("agents", "activities", "orchestrations", "workflows", "routes"):
        before = {file.name for file in (ROOT / kind).glob("*.py")}
        assert {file.name for file in (extended.folder / kind).glob("*.py")} > before, kind
        new_tests = {file.name for file in (extended.folder / "tests" / kind).glob("test_*.py")}
        assert new_tests > {file.name for file in (ROOT / "tests" / kind).glob("test_*.py")}, kind


@pytest.mark.thorough
@pytest.mark.parametrize(
    "tests",
    [
        ["tests", TEMPLATE, NOT_THESE],
        ["infra/tests", "examples/tests"],
        ["durable_agents/tests/unit"],
    ],
)
def test_all_tests_stay_green(extended: ScratchProject, tests: list[str]) -> None:
    assert " passed" in extended.run(*PYTEST, *(test for test in tests if "-" in test or (ROOT / test).exists()))


@pytest.mark.thorough
def test_lint_and_types_stay_clean(extended: ScratchProject) -> None:
    extended.run("ruff", "check", ".")
    extended.run("ruff", "format", "--check", *YOURS)
    extended.run("mypy", *YOURS)


def test_what_was_added_works_over_http(extended: ScratchProject, start_host: Any, api_of: Callable[..., Any]) -> None:
    api = api_of(start_host(extended.folder))
    said = api.http.post("/api/agents/Critic/run", json={"message": "Tea is wet."})
    assert (said.status_code, said.json()["status"]) == (200, "success")
    output = api.finish(api.start("critique", {"text": "Tea is wet."}))
    assert Path(output["receipt"]["location"]).exists()
    screened = api.http.post("/api/workflow/screening/run", json={"text": "Tea."}, params={"waitForResponse": "true"})
    assert screened.json()["output"] == ["passed"]
    assert api.http.get("/api/words/tea").json() == {"word": "tea", "letters": 3}
    assert "/words/{word}" in api.http.get("/api/openapi.json").json()["paths"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "samples",
    [
        ["orchestrations/email_triage.py"],
        ["agents/shop_assistant.py", "agents/librarian.py"],
        # The Editor starts it.
        ["orchestrations/content_approval.py", "agents/editor.py"],
        ["orchestrations/agent_loop.py"],
        ["entities/chat_session.py", "routes/chat_sessions.py"],
        ["workflows/email_routing.py"],
        ["workflows/comment_moderation.py"],
        ["workflows/expense_reimbursement.py", "workflows/order_cancellation.py"],
        ["workflows/claim_handling.py", "workflows/expert_review.py"],
        ["agents/shop_assistant.py"],
        ["agents/librarian.py"],
    ],
    ids=lambda samples: Path(samples[0]).stem,
)
def test_a_sample_can_be_deleted(samples: list[str], tmp_path: Path, start_host: Any, api_of: Any) -> None:
    if not all((ROOT / sample).exists() for sample in samples):
        pytest.skip("it has been")
    project = ScratchProject(tmp_path / "project")
    project.delete(*samples)
    rest = ["examples/tests"] if (ROOT / "examples").exists() else []
    assert " passed" in project.run(*PYTEST, WITHOUT_MAIL, "tests", TEMPLATE, NOT_THESE, *rest)
    assert api_of(start_host(project.folder)).http.get("/api/health").json()["status"] == "healthy"


@pytest.mark.thorough
@pytest.mark.parametrize(
    "folders",
    [
        ["examples"],
        ["durable_agents/tests", "devhost/tests", "devhost/bench", "docs"],
        ["durable_agents/tests"],
        ["devhost/tests"],
        ["devhost/bench"],
        ["docs"],
    ],
    ids=lambda folders: folders[0],
)
def test_a_folder_can_be_deleted(folders: list[str], tmp_path: Path, start_host: Any, api_of: Any) -> None:
    project = ScratchProject(tmp_path / "project")
    project.delete(*(folder for folder in folders if (ROOT / folder).exists()))
    # All that is left can still be collected.
    project.run(*PYTEST, "--collect-only")
    left = [top for top in (TEMPLATE, "infra/tests") if (project.folder / top).exists()]
    assert " passed" in project.run(*PYTEST, WITHOUT_MAIL, NOT_THESE, *(left if TEMPLATE in left else ["tests", *left]))
    assert api_of(start_host(project.folder)).http.get("/api/health").json()["status"] == "healthy"
