"""What is wrong in an orchestration is found, at its line, with its fix."""

from pathlib import Path

import pytest

from durable_agents.tests.unit.determinism.faults import FAULTS, Fault
from durable_agents.tests.unit.determinism.project import found_in, marked


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found_at_its_line_with_its_fix(tmp_path: Path, fault: Fault) -> None:
    findings = found_in(tmp_path, fault.source, fault.modules)
    assert {(Path(one.path).name, one.line) for one in findings} == marked(tmp_path) != set(), findings
    assert {one.code for one in findings} == {fault.code}
    assert all(fault.fix in one.fix for one in findings), [one.fix for one in findings]
