"""Write an article and have it marked and revised until it is good enough, or the rounds are used up.

Use it when it is easier to say what is wrong with a text than to write it right at once: every round costs two model
calls. Not when a rule in code can tell whether it is good (the gate of `document_publishing` costs none), nor when a
human has to agree (`content_approval`).
"""

from typing import Literal, NamedTuple

from pydantic import BaseModel, Field

from agents import evaluator, writer
from agents.evaluator import Evaluation
from agents.writer import Draft
from durable_agents import OrchestrationContext, Steps


class ContentRefinementInput(BaseModel):
    """What `content_refinement` starts with: it ends with a score of `good_score`, or after `max_rounds` drafts."""

    brief: str = Field(min_length=1, max_length=4_000, pattern=r"\S")
    good_score: int = Field(default=8, ge=1, le=10)
    max_rounds: int = Field(ge=1, le=10)


class ContentRefinementOutput(BaseModel):
    """The draft with the best score, of which round it is, and what the evaluator said in each: its last word is last.

    `best_effort` is a draft that is not good enough when the rounds are used up.
    """

    outcome: Literal["good_enough", "best_effort"]
    draft: Draft
    chosen_round: int
    rounds: int
    evaluations: list[Evaluation]


class _Round(NamedTuple):
    number: int
    draft: Draft
    evaluation: Evaluation


def content_refinement(
    context: OrchestrationContext, request: ContentRefinementInput
) -> Steps[ContentRefinementOutput]:
    """Have the Writer draft and revise in one conversation, and the Evaluator mark each draft in a new one.

    Raises:
        AgentError: A model call failed.
        AnswerError: An agent's answer does not have the form it was asked for.
    """
    rounds: list[_Round] = []
    session, message = context.new_session(writer.NAME), f"Write an article. The brief: {request.brief}"
    for number in range(1, request.max_rounds + 1):
        context.status("writing", round=number, scores=[one.evaluation.score for one in rounds])
        draft = yield from context.ask(writer.NAME, message, Draft, session=session)
        asked = f"The brief: {request.brief}\n\nThe article:\n{draft.title}\n\n{draft.content}"
        evaluation = yield from context.ask(evaluator.NAME, asked, Evaluation)
        rounds.append(_Round(number, draft, evaluation))
        if evaluation.score >= request.good_score:
            break
        message = "\n- ".join(["Revise your article.", evaluation.verdict, *evaluation.problems])
    best = max(rounds, key=lambda one: (one.evaluation.score, one.number))
    return ContentRefinementOutput(
        outcome="good_enough" if best.evaluation.score >= request.good_score else "best_effort",
        draft=best.draft,
        chosen_round=best.number,
        rounds=len(rounds),
        evaluations=[one.evaluation for one in rounds],
    )
