from agents import writer
from agents.writer import Draft
from durable_agents import Orchestration
from durable_agents.testing import replay
from examples.public_samples.text_refinement import TextRefinementInput, text_refinement

REFINEMENT = Orchestration(text_refinement, TextRefinementInput)
FIRST = Draft(title="Tea", content="Tea is a drink.")
IMPROVED = Draft(title="Tea", content="Tea is a warm drink.")


def test_the_draft_is_improved_in_the_session_that_knows_it() -> None:
    run = replay(REFINEMENT, {"topic": "tea"})
    first = run.asked(writer.NAME)
    run.answer(writer.NAME, FIRST)
    second = run.asked(writer.NAME)
    run.answer(writer.NAME, IMPROVED)

    assert second["entity"] == first["entity"]
    assert "tea" in first["message"] and "tea" not in second["message"]
    assert run.state["isDone"]
    assert run.state["output"] == {"first": FIRST.model_dump(), "improved": IMPROVED.model_dump()}


def test_a_failed_model_call_fails_the_run() -> None:
    run = replay(REFINEMENT, {"topic": "tea"})
    run.answer(writer.NAME, FIRST)
    run.answer(writer.NAME, {"error": "boom", "status": "error"})
    assert run.state["error"].startswith(f"Agent {writer.NAME!r} failed: EntityOperationFailed.")
