"""The guide to testing: its tests of an app on a host pass against one with the orchestration that they name."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from devhost.testing.plugin import StartHost
from durable_agents.testing import Api

GUIDE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def guide() -> ModuleType:
    """The module that the blocks of the guide make together."""
    module = ModuleType("guide")
    code = "\n".join(re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL))
    exec(compile(code, "testing.md", "exec"), module.__dict__)
    return module


def test_one_of_the_api(guide: ModuleType, api: Api) -> None:
    guide.test_a_run_waits_for_its_approval(api)


@pytest.mark.kills
def test_one_with_a_host_of_its_own(guide: ModuleType, start_host: StartHost) -> None:
    guide.test_a_run_survives_a_kill(start_host)


@pytest.mark.sample
def test_one_with_a_model_over_the_wire(guide: ModuleType, start_host: StartHost) -> None:
    guide.test_a_model_that_is_away_for_a_moment_is_asked_again(start_host)
