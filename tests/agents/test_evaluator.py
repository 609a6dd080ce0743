"""The evaluator gives a mark with its reasons."""

import pytest
from pydantic import ValidationError

from agents.evaluator import DESCRIPTION, NAME, Evaluation, create_evaluator
from durable_agents.testing import OfflineChatClient, ScriptedChatClient


def test_the_agent_is_named_and_described() -> None:
    evaluator = create_evaluator(OfflineChatClient())
    assert (evaluator.name, evaluator.description) == (NAME, DESCRIPTION)


async def test_it_answers_with_a_mark() -> None:
    given = Evaluation(score=7, problems=["No example."], verdict="Nearly there.")
    chat = ScriptedChatClient(given)
    response = await create_evaluator(chat).run("The brief: tea\n\nThe article: Tea is wet.")
    assert response.value == given
    assert chat.requests[0].options["response_format"] is Evaluation


@pytest.mark.parametrize("score", [-1, 11])
def test_a_mark_is_from_0_to_10(score: int) -> None:
    with pytest.raises(ValidationError):
        Evaluation(score=score, problems=[], verdict="")
