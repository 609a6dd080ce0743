"""Have a planner split a question into tasks, let children do them, and write one report from what they found.

Use it when nobody knows beforehand what has to be looked for, and a task is large enough to be a run of its own. Not
when the caller knows the parts (`subtopic_research`), nor where the number of model calls must be known beforehand: it
is bounded by `max_tasks`, `max_depth` and its budget, and the planner decides how much of that is used.
"""

from datetime import timedelta

from pydantic import BaseModel, Field

from agents.investigators import PLANNER, SYNTHESIZER, Plan, PlannedTask, Report, ResearchTask
from durable_agents import BudgetError, OrchestrationContext, Step, Steps
from orchestrations.research_task import ResearchTaskOutput, research_task

_ANSWER_TIME = timedelta(minutes=5)


class DeepResearchInput(BaseModel):
    """What `deep_research` starts with: at most `max_tasks` in a plan, and plans at most `max_depth` deep."""

    question: str = Field(min_length=1, max_length=4_000, pattern=r"\S")
    max_tasks: int = Field(default=4, ge=1, le=10)
    max_depth: int = Field(default=1, ge=1, le=3)


class DeepResearchOutput(BaseModel):
    """The report, the tasks it was made from, why others failed, and those that the plan had too many."""

    report: Report
    done: list[str]
    failed: dict[str, str]
    left_out: list[str]

    def as_text(self) -> str:
        """Return what the synthesizer of a larger question reads of it."""
        return "\n".join([self.report.content, *(f"- Open: {gap}" for gap in self.report.gaps)])


def deep_research(context: OrchestrationContext, request: DeepResearchInput) -> Steps[DeepResearchOutput]:
    """Plan, have the tasks done, three at a time, and write the report; a task that fails is named in it. When the
    budget is used up before, the report is what was found.

    Raises:
        RuntimeError: All tasks failed; the message has the reason of each.
        AgentError: There is no plan, or no report.
    """
    context.status("planning")
    message = f"Question: {request.question}\n\nAt most {request.max_tasks} tasks."
    plan = yield from context.ask(PLANNER, message, Plan, timeout=_ANSWER_TIME)
    tasks, left_out = plan.tasks[: request.max_tasks], [task.goal for task in plan.tasks[request.max_tasks :]]
    context.status("researching", tasks=[task.goal[:100] for task in tasks])
    children = [_child(context, request, task) for task in tasks]
    results = yield from context.all(children, return_exceptions=True, width=3)
    ended = [(task.goal, one) for task, one in zip(tasks, results, strict=True)]
    # The host puts stack traces into the further lines.
    failed = {goal: str(one).partition("\n")[0].strip() for goal, one in ended if isinstance(one, Exception)}
    done = [(goal, one.as_text()) for goal, one in ended if not isinstance(one, Exception)]
    if not done:
        reasons = "; ".join(f"{goal!r}: {reason}" for goal, reason in failed.items())
        raise RuntimeError(f"No task could be done. {reasons}")
    context.status("writing", done=len(done), failed=len(failed))
    found = [f"Part: {goal}\n{text}" for goal, text in done]
    missing = [f"Missing: {goal}" for goal in [*failed, *left_out]]
    message = "\n\n".join([f"Question: {request.question}", *found, *missing])
    try:
        report = yield from context.ask(SYNTHESIZER, message, Report, timeout=_ANSWER_TIME)
    except BudgetError as error:
        report = Report(title=request.question, content="\n\n".join(found), gaps=[*missing, str(error)])
    return DeepResearchOutput(report=report, done=[goal for goal, _ in done], failed=failed, left_out=left_out)


def _child(
    context: OrchestrationContext, request: DeepResearchInput, task: PlannedTask
) -> Step["ResearchTaskOutput | DeepResearchOutput"]:
    if task.needs_plan and request.max_depth > 1:
        deeper = {"question": task.goal, "max_depth": request.max_depth - 1}
        return context.run(deep_research, request.model_copy(update=deeper))
    return context.run(research_task, ResearchTask(goal=task.goal, questions=task.questions))
