"""The guide to testing: each test on its page that needs no host passes."""

import asyncio
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

import durable_agents.testing
from durable_agents.testing import chat_server

GUIDE = (Path(__file__).parents[3] / "docs" / "testing.md").read_text(encoding="utf-8")
CODE = "\n".join(re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL))
# Those with arguments want a host.
TESTS = re.findall(r"^(?:async )?def (test_\w+)\(\)", CODE, re.MULTILINE)


@pytest.fixture(scope="module")
def guide() -> ModuleType:
    """The module that the blocks of the guide make together."""
    module = ModuleType("guide")
    exec(compile(CODE, "testing.md", "exec"), module.__dict__)
    return module


@pytest.mark.parametrize("name", TESTS)
def test_it_passes(guide: ModuleType, name: str) -> None:
    test = vars(guide)[name]
    if inspect.iscoroutinefunction(test):
        asyncio.run(test())
    else:
        test()


def test_every_public_name_is_told() -> None:
    public = [*durable_agents.testing.__all__, *chat_server.__all__]
    assert [name for name in public if name not in GUIDE] == []
