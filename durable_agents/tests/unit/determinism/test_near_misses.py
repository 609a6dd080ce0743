"""What is right is not refused, however wrong it looks."""

from pathlib import Path

import pytest

from durable_agents.tests.unit.determinism.near_misses import NEAR_MISSES
from durable_agents.tests.unit.determinism.project import found_in


@pytest.mark.parametrize("source", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_nothing_is_found(tmp_path: Path, source: str) -> None:
    compile(source, "story.py", "exec")
    assert found_in(tmp_path, source) == []
