"""The pictures of the manual are those that the app draws of its own graphs."""

import re

import pytest

from devhost.testing.host_process import REPOSITORY, HostProcess

PAGE = REPOSITORY / "durable_agents" / "docs" / "workflows.md"
PICTURE = re.compile(r"^\*\*`(\w+)`\*\*.*?```mermaid\n(.*?)```", re.DOTALL | re.MULTILINE)
PICTURES = dict(PICTURE.findall(PAGE.read_text(encoding="utf-8")))


def test_the_manual_has_a_picture_of_each_form() -> None:
    assert len(PICTURES) == PAGE.read_text(encoding="utf-8").count("```mermaid") == 6


@pytest.mark.parametrize("workflow", PICTURES)
def test_a_picture_is_the_one_of_the_graph(host: HostProcess, workflow: str) -> None:
    if not (REPOSITORY / "workflows" / f"{workflow}.py").exists():
        pytest.skip(f"the project has no workflow {workflow!r} any more")
    with host.client() as http:
        drawn = http.get(f"/api/workflow/{workflow}/graph", params={"format": "mermaid"})
    assert (drawn.status_code, drawn.text) == (200, PICTURES[workflow])
