"""The doctor finds no fault in this project as it is shipped."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from devhost.doctor.determinism import changing_orchestrations
from devhost.doctor.finding import Level
from devhost.doctor.place import Place
from devhost.testing.host_process import REPOSITORY

READS_THE_CLOCK = """
import time
import azure.durable_functions as df

app = df.DFApp()

@app.orchestration_trigger(context_name="context")
def late(context: df.DurableOrchestrationContext):
    yield context.create_timer(time.time())
"""


@pytest.mark.skipif((REPOSITORY / "local.settings.json").exists(), reason="what is set on this machine is not ours")
def test_there_is_no_fault() -> None:
    command = [sys.executable, str(REPOSITORY / "dev.py"), "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert [one for one in json.loads(done.stdout) if one["level"] == "fault"] == []
    assert done.returncode == 0, done.stderr


def test_an_orchestration_that_reads_the_clock_is_a_fault_with_its_line_and_fix(tmp_path: Path) -> None:
    place = Place(tmp_path, tmp_path / "state.db", Path(sys.prefix), {})
    (tmp_path / "function_app.py").write_text(READS_THE_CLOCK)
    assert list(changing_orchestrations(place)) == [], "an app without the library is nobody's to judge"
    (tmp_path / "durable_agents").symlink_to(REPOSITORY / "durable_agents")
    (one,) = changing_orchestrations(place)
    assert (one.level, one.check, one.where) == (Level.FAULT, "determinism", "function_app.py:9")
    assert "time.time()" in one.what and "non-determinism error" in one.what and "current_utc_datetime" in one.what
    (tmp_path / "function_app.py").write_text(READS_THE_CLOCK.replace("time.time()", "context.current_utc_datetime"))
    assert list(changing_orchestrations(place)) == []
