"""The apps in this repository are free of findings, but for what is wrong in them on purpose."""

from collections import Counter
from pathlib import Path

import pytest

from durable_agents.determinism.folders import check_folder

ROOT = Path(__file__).parents[4]
# What tests need: functions that misbehave.
ON_PURPOSE = {
    "devhost/tests/apps/deadly": {"process": 1},
    "devhost/tests/apps/mistakes": {"logging": 2, "undeclared-name": 1},
    "devhost/tests/apps/small": {"sleep": 1},
    "devhost/tests/apps/triggers": {"sleep": 1},
    "devhost/tests/conformance/app": {
        "environment": 2,
        "files": 4,
        "raced-again": 1,
        "timer-not-cancelled": 9,
        "undeclared-name": 2,
        "unknown-activity": 1,
        "unknown-entity": 1,
        "unknown-orchestration": 1,
    },
}
# It is killed in the middle of what it does, which its orchestrations note in files.
LEFT_OUT = {"devhost/tests/crash/app"}
APPS = sorted(
    file.parent.relative_to(ROOT).as_posix()
    for folder in ("durable_agents", "devhost", "examples")
    for file in (ROOT / folder).rglob("function_app.py")
)


@pytest.mark.parametrize("app", [app for app in APPS if app not in LEFT_OUT])
def test_an_app_has_no_findings_but_those_on_purpose(app: str) -> None:
    findings = check_folder(ROOT / app)
    assert Counter(one.code for one in findings) == ON_PURPOSE.get(app, {}), "\n".join(map(str, findings))


@pytest.mark.skipif(not (ROOT / "devhost/tests").is_dir(), reason="devhost is here without its tests")
def test_what_is_left_out_or_on_purpose_is_there() -> None:
    assert len(APPS) > 15
    assert {*ON_PURPOSE, *LEFT_OUT} <= set(APPS)
