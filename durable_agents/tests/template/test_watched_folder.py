"""What the app writes on this machine restarts no host.

The Functions host takes a new folder in the app's own for a new function and restarts, in the middle of the request.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devhost.testing.functions_host import FunctionsHostProcess

_RESTARTS = "Restarting host"
_NOTICED_SECONDS = 30
_HAM = {"sender": "ada@example.com", "subject": "Order 7", "body": "Where is my order?"}
_SPAM = {
    "sender": "eve@example.com",
    "subject": "You won!!!",
    "body": "Winner! Claim your prize: send your bank details.",
}


@pytest.mark.sample
def test_a_session_that_writes_everywhere_restarts_no_host(
    tmp_path: Path, new_host: Callable[..., Any], api_of: Callable[..., Any]
) -> None:
    host = new_host(tmp_path / "host", STATE_DIR="", OUTBOX_DIR="")
    if not isinstance(host, FunctionsHostProcess):
        pytest.skip("devhost watches no folder: --host func shows it")
    with host:
        write_everywhere(api_of(host))
        assert tops_of_files(host.app_folder) >= {".agents", "outbox"}
        assert _RESTARTS not in host.output()
        (host.app_folder / "another").mkdir()
        deadline = time.monotonic() + _NOTICED_SECONDS
        while _RESTARTS not in host.output():
            assert time.monotonic() < deadline, "a new folder restarts no host, so this test shows nothing"
            time.sleep(0.1)


def write_everywhere(api: Any) -> None:
    """Talk to an agent, have a draft reviewed, approved and published, answer a mail and quarantine another."""
    said = api.http.post("/api/agents/Writer/run", json={"message": "tea", "session_id": "s"})
    assert said.status_code == 200, said.text
    instance_id = api.start("content_approval", {"topic": "tea"})
    request = api.draft(instance_id)
    assert api.decide(instance_id, request["request_id"], approved=True).status_code == 200
    assert api.finish(instance_id)["outcome"] == "published"
    mails = [api.start("email_triage", {"email": mail, "spam_threshold": 0}) for mail in (_HAM, _SPAM)]
    assert [api.finish(mail)["outcome"] for mail in mails] == ["replied", "quarantined"]


def tops_of_files(folder: Path) -> set[str]:
    """Return the folders at the top of this one in which something was written."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.name != ".gitkeep")
    return {file.parts[0] for file in files if len(file.parts) > 1}
