"""The fan-out and fan-in in this process."""

import pytest

from durable_agents.testing import ScriptedChatClient
from workflows.expert_review import ExpertAnswer, ReviewedQuestion, create_expert_review


async def test_both_experts_are_asked_the_question_and_both_answers_are_kept() -> None:
    chat = ScriptedChatClient("Light is scattered.", "Air is nitrogen.")
    result = await create_expert_review(chat).run("  Why is\nthe sky blue? ")
    (output,) = result.get_outputs()
    assert isinstance(output, ReviewedQuestion)
    assert (output.question, output.outcome) == ("Why is the sky blue?", "answered")
    assert [answer.expert for answer in output.answers] == ["Physicist", "Chemist"]
    assert {answer.answer for answer in output.answers} == {"Light is scattered.", "Air is nitrogen."}
    assert len(chat.requests) == 2
    assert ExpertAnswer(expert="Physicist", answer=output.answers[0].answer) == output.answers[0]


@pytest.mark.parametrize("text", ["", " \n", "x" * 4_001])
async def test_what_is_no_question_is_put_to_nobody(text: str) -> None:
    chat = ScriptedChatClient()
    (output,) = (await create_expert_review(chat).run(text)).get_outputs()
    assert isinstance(output, ReviewedQuestion)
    assert (output.outcome, output.answers, chat.requests) == ("no_question", [], [])
