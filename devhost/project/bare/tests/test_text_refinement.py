"""The one orchestration, played turn by turn with the agent that it asks."""

from agents.writer import Draft
from durable_agents import Orchestration
from durable_agents.testing import replay
from orchestrations.text_refinement import text_refinement

FIRST = Draft(title="Tea", content="Tea is a drink.")
IMPROVED = Draft(title="Tea", content="Tea is a warm drink.")


def test_the_draft_is_improved_in_the_session_that_knows_it() -> None:
    run = replay(Orchestration(text_refinement), {"topic": "tea"})
    first = run.asked("Writer")
    run.answer("Writer", FIRST)
    second = run.asked("Writer")
    run.answer("Writer", IMPROVED)

    assert second["entity"] == first["entity"]
    assert "tea" in first["message"] and "tea" not in second["message"]
    assert run.state["output"] == {"first": FIRST.model_dump(), "improved": IMPROVED.model_dump()}
