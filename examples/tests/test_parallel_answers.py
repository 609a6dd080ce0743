from itertools import permutations

import pytest
from agent_framework import AgentResponse, Content, Message

from agents import researcher, writer
from durable_agents import Orchestration
from durable_agents.testing import replay
from examples.public_samples.parallel_answers import Answer, ParallelAnswersInput, parallel_answers

PARALLEL = Orchestration(parallel_answers, ParallelAnswersInput)
ANSWERS = {writer.NAME: Answer(text="Once upon a time."), researcher.NAME: Answer(text="Nothing is known.")}


@pytest.mark.parametrize("order", list(permutations(ANSWERS)))
def test_both_are_asked_at_once_and_may_answer_in_any_order(order: tuple[str, ...]) -> None:
    run = replay(PARALLEL, {"question": "What is tea?"})
    sessions = {run.asked(agent)["entity"] for agent in ANSWERS}
    for agent in order:
        assert not run.state["isDone"]
        run.answer(agent, ANSWERS[agent])

    assert len(sessions) == 2
    assert run.state["isDone"]
    assert run.state["output"] == {"writer": "Once upon a time.", "researcher": "Nothing is known."}


@pytest.mark.parametrize("failing", ANSWERS)
@pytest.mark.parametrize("answered_before", [True, False])
def test_the_run_fails_with_the_agent_that_failed(failing: str, answered_before: bool) -> None:
    run = replay(PARALLEL, {"question": "What is tea?"})
    (other,) = ANSWERS.keys() - {failing}
    if answered_before:
        run.answer(other, ANSWERS[other])
    error = Content.from_error(message="key sk-1 is wrong", error_code="AuthenticationError")
    run.answer(failing, AgentResponse(messages=[Message("assistant", [error])]))
    assert run.state["error"].startswith(f"Agent {failing!r} failed: AuthenticationError.")


def test_an_answer_of_another_form_names_its_agent() -> None:
    run = replay(PARALLEL, {"question": "What is tea?"})
    run.answer(researcher.NAME, AgentResponse(messages=[Message("assistant", ["Nothing."])]))
    assert run.state["error"] == f"Agent {researcher.NAME!r} did not answer with a Answer."
