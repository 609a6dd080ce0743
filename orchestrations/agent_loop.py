"""Have a model do a task with tools, step by step, in a loop of its own.

Use it when a tool takes long or needs retries of its own, when a human may be asked in the middle, or when a task takes
many steps: a crash repeats no model call and no tool that has finished. Not when an agent's turn is over in seconds: an
`Agent` with tools does that with less; nor when the steps are known beforehand: write them down, one after the other.
"""

from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, Field

from activities.call_model import Conversation, Said, ToolCall, call_model
from activities.use_tool import ToolUse, use_tool
from agents.clerk import ASK_HUMAN, RETRIES
from durable_agents import OrchestrationContext, Retry, Steps

_PER_EXECUTION, _TIME = 10, timedelta(minutes=15)


class AgentLoopInput(BaseModel):
    """What `agent_loop` starts with. A human has `answer_hours` for an answer; `said` and `iterations` are so far."""

    task: str = Field(min_length=1, max_length=8_000, pattern=r"\S")
    max_iterations: int = Field(default=100, ge=1, le=100)
    answer_hours: float = Field(default=24, gt=0, le=720)
    said: list[Said] = []
    iterations: int = 0


class AgentLoopOutput(BaseModel):
    """The model's last word, after so many model calls; `reason` says why it is its best effort only."""

    outcome: Literal["answered", "best_effort"]
    answer: str
    reason: str | None = None
    iterations: int


class HumanAnswer(BaseModel):
    """What a human answers."""

    answer: str = Field(min_length=1, max_length=4_000)


def agent_loop(context: OrchestrationContext, request: AgentLoopInput) -> Steps[AgentLoopOutput]:
    """Ask the model and use its tools, side by side, until it answers, or has to because there is no room for more."""
    said, number = request.said or [Said(role="user", text=request.task)], request.iterations
    while True:
        number += 1
        context.status("thinking", iteration=number)
        conversation = Conversation(said=said)
        if number == request.max_iterations:
            conversation.must_answer = f"The limit of {number} model calls is reached."
        elif conversation.is_full:
            conversation.must_answer = "The conversation is too long to go on."
        answer = yield from context.call(call_model, conversation, timeout=_TIME)
        if not answer.calls:
            reason = conversation.must_answer
            outcome: Literal["answered", "best_effort"] = "best_effort" if reason else "answered"
            return AgentLoopOutput(outcome=outcome, answer=answer.text, reason=reason, iterations=number)
        context.status("using tools", iteration=number)
        uses = [_use(context, request, call, f"HumanInput-{number}-{n}") for n, call in enumerate(answer.calls, 1)]
        results = yield from context.all(uses, return_exceptions=True)
        said = [*said, answer, *(call.told(result) for call, result in zip(answer.calls, results, strict=True))]
        if number % _PER_EXECUTION == 0:
            yield from context.continue_as_new(request.model_copy(update={"said": said, "iterations": number}))


def _use(context: OrchestrationContext, request: AgentLoopInput, call: ToolCall, event: str) -> Steps[str]:
    """Have a tool used, or a human asked, each question under an event of its own: a late answer is to no other."""
    question = call.arguments.get("question")
    if call.name == ASK_HUMAN.name and isinstance(question, str) and question.strip():
        timeout = timedelta(hours=request.answer_hours)
        said = yield from context.wait_for(event, HumanAnswer, question=question, timeout=timeout)
        return said.answer
    use = ToolUse(name=call.name, arguments=call.arguments)
    result = yield from context.call(use_tool, use, retry=RETRIES.get(call.name, Retry()), timeout=_TIME)
    return result.text
