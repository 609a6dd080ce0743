"""What an orchestration must not do, and what it does instead."""

from dataclasses import dataclass

from durable_agents.determinism.findings import Form

_IN_AN_ACTIVITY = ("Do it in an activity: `context.call(...)`.", "Do it in an activity: `context.call_activity(...)`.")


@dataclass(frozen=True, slots=True)
class Rule:
    """Why something is refused, and the fix for an orchestration of each form.

    Attributes:
        code: The short name of the rule.
        why: What is wrong, as the end of a sentence that begins with what was found.
        typed: The fix with `OrchestrationContext`.
        raw: The fix with the context of the SDK.
        only_called: Whether it is wrong only where it is called, and not where it is named.
    """

    code: str
    why: str
    typed: str
    raw: str
    only_called: bool = False

    def fix(self, form: Form) -> str:
        """Return what to do instead."""
        return self.typed if form == "typed" else self.raw


CLOCK = Rule(
    "clock", "reads the clock, and each replay another time.", "Take `context.now`.",
    "Take `context.current_utc_datetime`.",
)  # fmt: skip
RANDOM = Rule(
    "random", "is another value in each replay.", "Draw it in an activity, or take `context.new_id()`.",
    "Draw it in an activity, or take `context.new_uuid()`.",
)  # fmt: skip
UUID = Rule("uuid", "is another id in each replay.", "Take `context.new_id()`.", "Take `context.new_uuid()`.")
ORDER = Rule("set-order", "has another order in each process.", *("Go through `sorted(...)` of it.",) * 2)
ENVIRONMENT = Rule(
    "environment", "depends on where the replay runs, and on its settings at that time.",
    "Put it into the input, with `Orchestration(..., defaults=...)` or `fixed=`, or read it in an activity.",
    "Put it into the input where the run is started, or read it in an activity.",
)  # fmt: skip
FILES = Rule("files", "uses files, again in each replay.", *_IN_AN_ACTIVITY)
NETWORK = Rule("network", "uses the network, again in each replay.", *_IN_AN_ACTIVITY)
PROCESS = Rule("process", "acts on processes, again in each replay.", *_IN_AN_ACTIVITY)
PRINT = Rule(
    "print", "reads or writes the console, again in each replay.", "Write `context.log.info(...)`.",
    "Write it only `if not context.is_replaying:`.",
)  # fmt: skip
LOGGING = Rule(
    "logging", "writes to the log, again in each replay.", "Write `context.log.info(...)`.",
    "Write it only `if not context.is_replaying:`.",
)  # fmt: skip
THREADS = Rule(
    "threads", "makes the order depend on threads.", "Give several steps to `context.all([...])`.",
    "Give several tasks to `context.task_all([...])`.",
)  # fmt: skip
ASYNCIO = Rule(
    "asyncio", "does not work in an orchestration, which is a plain generator.",
    "Write `yield from` in front of a step, and give several to `context.all([...])`.",
    "Write `yield` in front of a task, and give several to `context.task_all([...])`.",
)  # fmt: skip
SLEEP = Rule(
    "sleep", "blocks the host, again in each replay.", "Write `yield from context.sleep(timedelta(...))`.",
    "Write `yield context.create_timer(context.current_utc_datetime + timedelta(...))`.",
)  # fmt: skip
STATE = Rule(
    "global-state", "is state that the runs and replays of a process share.",
    *("Keep it in a local variable, in the input, or in an entity.",) * 2,
)  # fmt: skip
MODEL = Rule(
    "model", "calls a model, again in each replay.", "Write `yield from context.ask(agent, ...)`.",
    "Write `yield app.get_agent(context, name).run(...)`, or call the model in an activity.",
)  # fmt: skip
CODE = Rule("dynamic-code", "runs code that nobody can look at before.", *_IN_AN_ACTIVITY)
OUTSIDE = Rule(
    "outside", "is not known to do the same in each replay.",
    *("Call it in an activity; or say at its import why it does: `# deterministic: the reason`.",) * 2,
    only_called=True,
)  # fmt: skip
