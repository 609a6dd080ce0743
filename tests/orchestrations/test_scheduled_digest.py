import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from agents.digest_writer import Digest
from devhost.testing.host_process import HostProcess
from durable_agents import Orchestration
from durable_agents.testing import Api, Replay, replay
from orchestrations.scheduled_digest import ScheduledDigestInput, scheduled_digest

ROOT = Path(__file__).parents[2]
DIGEST = Orchestration(scheduled_digest)
INPUT = {"since": "2026-03-01T07:00:00Z", "until": "2026-03-02T07:00:00Z", "recipient": None}
TEA = {"name": "tea.md", "written_at": "2026-03-01T09:00:00Z", "begins": "# Tea\n\nTea is warm."}
WRITTEN = Digest(subject="Tea", body="One article: tea.")
SENT = {"transport": "smtp", "message_id": "<x@example.com>", "location": None, "delivered": True}


def listed(*articles: dict[str, Any], left_out: int = 0, **given: Any) -> Replay:
    """Return a run that knows what was published."""
    run = replay(DIGEST, {**INPUT, **given})
    assert run.waits_for("list_publications") == {"since": INPUT["since"], "until": INPUT["until"]}
    run.complete("list_publications", {"articles": articles, "left_out": left_out})
    return run


@pytest.mark.parametrize("recipient", [None, "ada@example.com"])
def test_of_a_quiet_time_nobody_hears_and_no_model_is_asked(recipient: str | None) -> None:
    run = listed(recipient=recipient)
    assert run.output == {"outcome": "quiet", "articles": 0, "digest": None, "receipt": None}
    assert run.open == {}


def test_the_digest_is_mailed_under_the_key_of_the_run() -> None:
    run = listed(TEA, left_out=2, recipient="ada@example.com")
    assert run.asked("DigestWriter")["message"] == (
        "From 2026-03-01 07:00 to 2026-03-02 07:00 UTC.\n\n"
        "Published 2026-03-01 09:00 UTC:\n# Tea\n\nTea is warm.\n\n2 more are not shown."
    )
    run.answer("DigestWriter", WRITTEN)
    assert run.waits_for("send_email") == {
        "key": "run-1-digest",
        "recipient": "ada@example.com",
        "subject": "Tea",
        "body": "One article: tea.",
        "in_reply_to": None,
    }
    run.complete("send_email", SENT)
    assert run.output == {"outcome": "mailed", "articles": 3, "digest": WRITTEN.model_dump(), "receipt": SENT}
    assert run.timers() == {}


def test_without_a_recipient_it_is_filed() -> None:
    run = listed(TEA)
    run.answer("DigestWriter", WRITTEN)
    assert run.waits_for("file_digest") == {"key": "run-1-digest", **WRITTEN.model_dump()}
    run.complete("file_digest", {"location": "outbox/digests/run-1-digest.md"})
    assert (run.output["outcome"], run.output["receipt"]) == ("filed", {"location": "outbox/digests/run-1-digest.md"})


def test_a_digest_that_cannot_be_written_fails_the_run() -> None:
    run = listed(TEA)
    run.answer("DigestWriter", {"error": "away", "status": "error"})
    assert run.state["error"].startswith("Agent 'DigestWriter' failed")
    run = listed(TEA)
    run.pass_time(timedelta(minutes=5))
    assert run.state["error"] == "Agent 'DigestWriter' did not answer within 0:05:00."


def test_an_activity_that_keeps_failing_fails_the_run() -> None:
    run = replay(DIGEST, INPUT)
    run.fail("list_publications")
    assert run.state["error"].startswith("boom")
    run = listed(TEA, recipient="ada@example.com")
    run.answer("DigestWriter", WRITTEN)
    run.fail("send_email")
    assert run.state["error"].startswith("boom")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("since", "yesterday"),
        ("since", "2026-03-01T07:00:00"),
        ("until", INPUT["since"]),
        ("recipient", "ada"),
    ],
)
def test_an_input_that_cannot_be_meant_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        ScheduledDigestInput.model_validate({**INPUT, field: value})
    assert {error["loc"][0] for error in caught.value.errors()} == {field}


def test_it_runs_on_a_host_for_who_asks_about_some_time(api: Api) -> None:
    if "/runs/content_approval" not in api.http.get("/api/openapi.json").json()["paths"]:
        pytest.skip("there is nothing here that publishes")
    article = api.start("content_approval", {"topic": "a digest"})
    assert api.decide(article, api.draft(article)["request_id"], approved=True).status_code == 200
    api.finish(article)
    output = api.finish(
        api.start("scheduled_digest", {"since": "2026-01-01T00:00:00Z", "until": "2126-01-01T00:00:00Z"})
    )
    assert output["outcome"] == "filed"
    assert (
        Path(output["receipt"]["location"]).read_text(encoding="utf-8").startswith(f"# {output['digest']['subject']}")
    )
    wrong = {"since": INPUT["until"], "until": INPUT["since"]}
    refused = api.http.post("/api/runs/scheduled_digest", json=wrong)
    assert refused.status_code == 400
    assert "until: Value error, must be later than since" in refused.json()["detail"]


def test_there_is_a_timer_only_where_hours_are_set(host: HostProcess) -> None:
    assert "start_scheduled_digest" not in host.output()
    listed = "[function.get_trigger().get_dict_repr() for function in function_app.app.get_functions()]"
    script = f"import samples; samples.DIGEST_HOURS = (19, 7); import function_app; print({listed})"
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert run.stdout.count("'schedule': '0 0 7,19 * * *'") == 1, run.stderr
