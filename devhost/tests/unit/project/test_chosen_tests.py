"""What the flags of dev.py test install, and when they start worker processes."""

from pathlib import Path

import pytest

from devhost.project.chosen_tests import requirements_of, worker_flags
from devhost.project.environment import EVERYTHING, TOOLS


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("tests/agents", "devhost/tests", "durable_agents/tests"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "devhost/tests/test_host.py").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("flags", "needs_all", "has_workers"),
    [
        ([], True, True),
        (["tests"], False, False),
        (["tests/agents", "-x"], False, False),
        (["tests", "devhost"], True, True),
        (["./tests/agents::test_x"], False, False),
        (["devhost/tests"], True, True),
        (["."], True, True),
        (["devhost/tests/test_host.py::test_x"], True, False),
        (["-k", "tests"], True, False),
        (["-ktests"], True, False),
        (["-m", "tests"], True, True),
        (["-x", "--host", "func"], True, True),
        (["--pdb"], True, False),
        (["--ignore", "tests"], True, True),
        (["-x", "tests", "--lf", "tests/agents"], False, False),
    ],
)
def test_flags(project: Path, flags: list[str], needs_all: bool, has_workers: bool) -> None:
    assert requirements_of(project, flags) == (EVERYTHING if needs_all else TOOLS)
    assert (worker_flags(project, flags) != ["-n", "0"]) == has_workers
