"""Ask several models, or one at several temperatures, the same question, and show how far they agree.

Use it when a wrong answer costs more than a few model calls: for labels, yes or no, which of these. Not when all models
have learned the same mistake, which they then repeat with one voice, nor for texts that are a matter of taste.
"""

from collections import Counter
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, Field, field_validator

from agents.voters import JUDGE, Ballot, Judgement, Vote, with_answers, with_options
from durable_agents import AgentError, AnswerError, OrchestrationContext, Steps, StepTimeoutError

_TIME = timedelta(minutes=3)


class ModelVotingInput(BaseModel):
    """What `model_voting` starts with: without `options` the answers are texts. The deployment says who votes."""

    question: str = Field(min_length=1, max_length=10_000, pattern=r"\S")
    options: list[Annotated[str, Field(max_length=500, pattern=r"\S")]] = Field(default=[], max_length=20)
    voters: list[str] = Field(min_length=1)

    @field_validator("options")
    @classmethod
    def _check_choice(cls, options: list[str]) -> list[str]:
        if options and len({option.strip().casefold() for option in options}) < max(2, len(options)):
            raise ValueError("give two or more different options, or none for answers in words")
        return options


class ModelVotingOutput(BaseModel):
    """What was decided, and who says otherwise, by `margin` votes fewer; a tie is `undecided`, texts are `judged`."""

    outcome: Literal["majority", "undecided", "judged"] = "undecided"
    answer: str | None = None
    reason: str = ""
    margin: int = 0
    votes: list[Ballot]
    dissent: list[Ballot] = []
    failed: list[Ballot]


def model_voting(context: OrchestrationContext, request: ModelVotingInput) -> Steps[ModelVotingOutput]:
    """Ask all voters at once; then count who has more than half of all, or have the judge compare their texts.

    Raises:
        RuntimeError: Half of the voters or more failed, and why. AgentError, ValueError: The judge gave no judgement.
    """
    ballots = yield from context.all([_vote(context, voter, request) for voter in request.voters])
    votes, failed = [one for one in ballots if one.answer], [one for one in ballots if not one.answer]
    if 2 * len(votes) <= len(ballots):
        reasons = "; ".join(f"{one.voter}: {one.reason}" for one in failed)
        raise RuntimeError(f"{len(votes)} of {len(ballots)} voters answered, too few for a majority. {reasons}")
    output = ModelVotingOutput(votes=votes, failed=failed)
    if request.options:
        (best, most), (_, second) = [*Counter(str(one.answer) for one in votes).most_common(2), ("", 0)][:2]
        output.margin, output.reason = most - second, f"{most} of {len(ballots)} chose {best!r}, the next has {second}."
        if 2 * most > len(ballots):
            output.outcome, output.answer = "majority", best
            output.dissent = [one for one in votes if one.answer != best]
    else:
        texts = sorted({str(one.answer) for one in votes})  # an order that says nothing of who wrote which
        judgement = yield from context.ask(JUDGE, with_answers(request.question, texts), Judgement, timeout=_TIME)
        output.outcome, output.answer, output.reason = "judged", judgement.best_of(texts), judgement.reason
        output.dissent = [one for one in votes if one.answer not in judgement.alike_of(texts)]
        output.margin = len(votes) - 2 * len(output.dissent)
    return output


def _vote(context: OrchestrationContext, voter: str, request: ModelVotingInput) -> Steps[Ballot]:
    try:
        if not request.options:
            return Ballot(voter=voter, answer=(yield from context.ask(voter, request.question, timeout=_TIME)))
        vote = yield from context.ask(voter, with_options(request.question, request.options), Vote, timeout=_TIME)
        return vote.as_ballot(voter, request.options)
    except (AgentError, AnswerError, StepTimeoutError) as error:
        return Ballot(voter=voter, reason=str(error))
