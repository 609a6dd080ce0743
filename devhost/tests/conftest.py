"""What the tests of devhost run unless they name another app."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def app_root() -> Path:
    """The small app of these tests."""
    return Path(__file__).parent / "apps" / "small"
