import json
import re
from datetime import timedelta

import pytest
from agent_framework import AgentResponse, Content, Message
from pydantic import ValidationError

from agents.email_assistant import EmailReply
from agents.spam_detector import SpamVerdict
from durable_agents import Orchestration
from durable_agents.testing import replay
from orchestrations.email_triage import EmailTriageInput, email_triage

TRIAGE = Orchestration(email_triage)
EMAIL = {
    "sender": "Ada <ada@example.com>",
    "subject": "Order 7",
    "body": "Where is it?",
    "message_id": "<7@example.com>",
}
INPUT = {"email": EMAIL, "spam_threshold": 0.8}
SPAM = SpamVerdict(is_spam=True, confidence=0.9, reason="a prize")
HAM = SpamVerdict(is_spam=False, confidence=0.9, reason="an order")
EFFECT_KEY = re.compile(r"run-1-[0-9a-f-]{36}-(handle_spam_email|send_email)")
REPLY = EmailReply(subject="Re: Order 7", body="On its way.")


def test_spam_goes_to_quarantine_and_no_reply_is_drafted() -> None:
    run = replay(TRIAGE, INPUT)
    run.answer("SpamDetector", SPAM)
    report = run.waits_for("handle_spam_email")
    run.complete("handle_spam_email", {"location": "outbox/quarantine/run-1-spam.json"})

    assert EFFECT_KEY.fullmatch(report["key"])
    assert (report["sender"], report["confidence"]) == (EMAIL["sender"], 0.9)
    output = run.state["output"]
    assert run.state["isDone"]
    assert (output["outcome"], output["reply"]) == ("quarantined", None)
    assert output["reason"] == "Judged spam with confidence 0.9 (threshold 0.8): a prize"
    assert output["receipt"] == {"location": "outbox/quarantine/run-1-spam.json"}


def test_anything_else_is_answered_in_its_thread() -> None:
    run = replay(TRIAGE, INPUT)
    run.answer("SpamDetector", HAM)
    run.answer("EmailAssistant", REPLY)
    message = run.waits_for("send_email")
    run.complete("send_email", {"transport": "smtp", "message_id": "<x@example.com>", "location": None})

    assert EFFECT_KEY.fullmatch(message.pop("key"))
    assert message == {
        "recipient": EMAIL["sender"],
        "subject": REPLY.subject,
        "body": REPLY.body,
        "in_reply_to": EMAIL["message_id"],
    }
    output = run.state["output"]
    assert (output["outcome"], output["reply"]) == ("replied", REPLY.model_dump())
    assert output["receipt"]["message_id"] == "<x@example.com>"


@pytest.mark.parametrize(("confidence", "asks"), [(0.8, "EmailAssistant"), (0.81, None)])
def test_spam_needs_a_confidence_above_the_threshold(confidence: float, asks: str | None) -> None:
    run = replay(TRIAGE, INPUT)
    run.answer("SpamDetector", SPAM.model_copy(update={"confidence": confidence}))
    if asks is None:
        assert run.waits_for("handle_spam_email")
    else:
        assert run.asked(asks)


def test_a_failed_model_call_fails_the_run_and_names_the_agent() -> None:
    run = replay(TRIAGE, INPUT)
    error = Content.from_error(message="key sk-1 is wrong", error_code="AuthenticationError")
    run.answer("SpamDetector", AgentResponse(messages=[Message("assistant", [error])]))

    assert run.state["error"].startswith("Agent 'SpamDetector' failed: AuthenticationError.")
    assert "sk-1" not in run.state["error"]


def test_a_failed_entity_fails_the_run() -> None:
    run = replay(TRIAGE, INPUT)
    run.answer("SpamDetector", {"error": "boom", "status": "error"})
    assert run.state["error"].startswith("Agent 'SpamDetector' failed: EntityOperationFailed.")


def test_an_answer_of_another_form_fails_the_run() -> None:
    run = replay(TRIAGE, INPUT)
    run.answer("SpamDetector", AgentResponse(messages=[Message("assistant", ["It is spam."])]))
    assert run.state["error"] == "Agent 'SpamDetector' did not answer with a SpamVerdict."


def test_an_activity_that_keeps_failing_fails_the_run() -> None:
    run = replay(TRIAGE, INPUT)
    run.answer("SpamDetector", SPAM)
    run.fail("handle_spam_email")
    assert run.state["error"].startswith("boom")


def test_what_a_machine_sent_is_not_answered() -> None:
    run = replay(TRIAGE, {**INPUT, "email": {**EMAIL, "headers": {"Auto-Submitted": "auto-replied"}}})
    run.answer("SpamDetector", HAM)
    output = run.state["output"]
    assert run.state["isDone"]
    assert (output["outcome"], output["reply"], output["receipt"]) == ("ignored", None, None)
    assert output["reason"].endswith("\nNot answered: a machine sent it (Auto-Submitted: auto-replied).")


@pytest.mark.parametrize(
    "sender", ["", "ada", "@example.com", "ada@example.com\nBcc: eve@example.com", "ada@example.com, eve@example.com"]
)
def test_a_sender_without_an_address_is_refused(sender: str) -> None:
    with pytest.raises(ValidationError):
        EmailTriageInput.model_validate({**INPUT, "email": {**EMAIL, "sender": sender}})


@pytest.mark.parametrize(("verdict", "activity"), [(SPAM, "handle_spam_email"), (HAM, "send_email")])
def test_effects_are_keyed_by_the_execution_the_same_in_every_replay(verdict: SpamVerdict, activity: str) -> None:
    keys = []
    for _ in range(2):
        run = replay(TRIAGE, INPUT)
        run.answer("SpamDetector", verdict)
        if verdict is HAM:
            run.answer("EmailAssistant", REPLY)
        keys.append(run.waits_for(activity)["key"])
        # One more turn: what is scheduled keeps its key.
        run.raise_event("noise", {})
        assert keys[-1] in json.dumps(run.state["actions"])
        run.now += timedelta(days=1)
    later = replay(TRIAGE, INPUT, at=run.now)
    later.answer("SpamDetector", verdict)
    if verdict is HAM:
        later.answer("EmailAssistant", REPLY)
    assert keys[0] == keys[1] != later.waits_for(activity)["key"]
