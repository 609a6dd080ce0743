"""What the tests share, and what is left aside where the library's own tests are not: it rests on them."""

from pathlib import Path

import pytest

from infra.tests.infrastructure import THIS_PROJECT, Infrastructure

PROJECT = Path(__file__).parents[2]

collect_ignore = (
    []
    if (PROJECT / "durable_agents" / "tests").is_dir()
    else ["test_container.py", "test_running_as_deployed.py", "test_seeded_faults.py"]
)


@pytest.fixture
def project() -> Infrastructure:
    """The infrastructure of this project. A test that takes nothing else is a check of any copy of it as well."""
    return THIS_PROJECT
