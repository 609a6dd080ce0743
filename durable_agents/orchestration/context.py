"""What an orchestration may do: each method returns a step, to be used with `yield from`, or given to `all` or `first`.

An orchestration is a plain generator `(context, request) -> Steps[Output]`. It is called again for every event of its
run, with what it has done before answered from the history, so all that it learns comes through this context: no clock,
no randomness, no environment, no I/O of its own.
"""

import logging
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Concatenate, Literal, ParamSpec, TypeAlias, TypeVar, cast, overload

import azure.durable_functions as df
from agent_framework import AgentSession
from pydantic import RootModel, TypeAdapter, ValidationError

from durable_agents.activities.keyed import Keyed
from durable_agents.orchestration.approval_requests import cut
from durable_agents.orchestration.ask import AgentError, GetAgent, raise_why, read_answer, read_text
from durable_agents.orchestration.attempts import DEFAULT_RETRY, Retry, attempt, pause
from durable_agents.orchestration.deadline import Deadline
from durable_agents.orchestration.events import KEPT_EVENTS, Events, Mailbox
from durable_agents.orchestration.payload_types import dump, returned_by, returned_by_activity
from durable_agents.orchestration.review import Review, ReviewPolicy, review
from durable_agents.orchestration.run_payloads import RunPayloads
from durable_agents.orchestration.run_status import EventWait, RunStatus
from durable_agents.orchestration.spending import ALLOWANCE_FIELD, Allowance, Budget, ChildEnd, Spending, Usage
from durable_agents.orchestration.steps import AnyOf, First, Step, Steps, Unused, run_all, run_first
from durable_agents.owners import owner_of

InputT = TypeVar("InputT")
OutputT = TypeVar("OutputT")
ModelT = TypeVar("ModelT")
FirstT = TypeVar("FirstT")
SecondT = TypeVar("SecondT")
ThirdT = TypeVar("ThirdT")
ParametersT = ParamSpec("ParametersT")

_QUESTION_CHARACTERS = 2_000

IsRegistered: TypeAlias = Callable[[Literal["activity", "orchestration"], str], bool]
"""Says whether the app has something of this kind and name."""


FOREVER = timedelta.max
"""The time-out of a wait that may last as long as the run."""

DEFAULT_WAIT = timedelta(days=7)
"""How long a run waits for an event where it does not say: the one step that nothing else bounds."""


class StepTimeoutError(TimeoutError):
    """A step did not end in the time it had."""


class ContinuedAsNew(BaseException):  # no error: nothing is to catch it
    """The run begins anew; nothing after it is executed."""


class OrchestrationContext:
    """The one door of an orchestration to the world; it wraps the context of the SDK."""

    def __init__(
        self,
        durable: df.DurableOrchestrationContext,
        get_agent: GetAgent,
        is_registered: IsRegistered,
        payloads: RunPayloads,
        logger: logging.Logger,
        allowance: Allowance,
        budget_of: Callable[[str], Budget],
    ) -> None:
        self._durable = durable
        self._allowance = allowance
        self._budget_of = budget_of
        self._spending = Spending(allowance)
        self._get_agent = get_agent
        self._is_registered = is_registered
        self._payloads = payloads
        self._status = RunStatus(durable, self._spending)
        self._events = Events(durable, payloads.kept_events())
        self._unused = Unused()
        self.log = _RunLog(logger, durable)
        self._status.show_usage()

    @property
    def instance_id(self) -> str:
        """The id of the run."""
        return str(self._durable.instance_id)

    @property
    def now(self) -> datetime:
        """The time, in UTC: that of the event the orchestration goes on with, the same in every replay."""
        time: datetime = self._durable.current_utc_datetime
        return time

    @property
    def usage(self) -> Usage:
        """What the run has used up to now, with its children; `GET /runs/{id}` shows it."""
        return self._spending.used()

    def new_id(self) -> str:
        """Return a UUID: the same in every replay, another at each call."""
        return str(self._durable.new_uuid())

    def new_session(self, agent: str) -> AgentSession:
        """Return a new conversation with an agent, for several `ask` that know of each other."""
        return self._get_agent(self._durable, agent).create_session()

    def status(self, stage: str, **details: Any) -> None:
        """Say in plain words where the run is; `GET /runs/{id}` shows it. `details` are plain JSON."""
        self._status.set(stage, **details)

    @overload
    def ask(
        self,
        agent: str,
        message: str,
        answer_model: None = None,
        *,
        session: AgentSession | None = None,
        timeout: timedelta | None = None,
        retry: Retry | None = None,
    ) -> Step[str]: ...

    @overload
    def ask(
        self,
        agent: str,
        message: str,
        answer_model: type[ModelT],
        *,
        session: AgentSession | None = None,
        timeout: timedelta | None = None,
        retry: Retry | None = None,
    ) -> Step[ModelT]: ...

    def ask(
        self,
        agent: str,
        message: str,
        answer_model: type[Any] | None = None,
        *,
        session: AgentSession | None = None,
        timeout: timedelta | None = None,
        retry: Retry | None = None,
    ) -> Step[Any]:
        """Have an agent answer: with an instance of `answer_model`, or with text.

        Without a `session` it answers in a new one, and remembers nothing of other steps. A `retry` asks again where
        the failure may pass, and not before the time is over for which the provider has asked to be left alone; the
        session's own retries of the model call come before. Without a `timeout` a turn has
        the time that `TurnLimits` gives it, and fails then.

        Raises:
            AgentError: The agent could not answer; the run fails, unless it handles this.
            BudgetError: The budget of the run is used up, and nobody was asked.
            AnswerError: It answered, but not in the form it was asked for.
            StepTimeoutError: It did not answer in time. It goes on, and nobody reads its answer.
            PermissionError: The session belongs to somebody else than the run.
        """

        def once() -> Steps[Any]:
            self._spending.check()
            durable_agent = self._get_agent(self._durable, agent)
            self._check_owner(session)
            options = None if answer_model is None else {"response_format": answer_model}
            task = durable_agent.run(message, session=session, options=options)
            (entity_call,) = task.children
            self._spending.watch(entity_call)
            try:
                yield task
            except (TypeError, ValueError):
                self._status.show_usage()
                raise_why(agent, task, answer_model or str)
            self._status.show_usage()
            return read_text(agent, task) if answer_model is None else read_answer(agent, task, answer_model)

        def run() -> Steps[Any]:
            for _ in range(0 if retry is None else retry.attempts - 1):
                try:
                    return (yield from once())
                except AgentError as error:
                    if not error.failure.retryable:
                        raise
                    asked_for = timedelta(seconds=error.failure.retry_after_seconds or 0)
                assert retry is not None
                yield from pause(self._durable, max(retry.pause, asked_for))
            return (yield from once())

        return self._step(f"ask({agent!r})", lambda: self._in_time(run(), timeout, f"Agent {agent!r} did not answer"))

    @overload
    def call(
        self,
        activity: Callable[Concatenate[InputT, ParametersT], Coroutine[Any, Any, OutputT]],
        request: InputT,
        *,
        retry: Retry | None = DEFAULT_RETRY,
        timeout: timedelta | None = None,
    ) -> Step[OutputT]: ...

    @overload
    def call(
        self,
        activity: Callable[Concatenate[InputT, ParametersT], OutputT],
        request: InputT,
        *,
        retry: Retry | None = DEFAULT_RETRY,
        timeout: timedelta | None = None,
    ) -> Step[OutputT]: ...

    def call(
        self,
        activity: Callable[Concatenate[InputT, ParametersT], Any],
        request: InputT,
        *,
        retry: Retry | None = DEFAULT_RETRY,
        timeout: timedelta | None = None,
    ) -> Step[Any]:
        """Have an activity done, and return what it returns. It runs at least once, so it acts once for its key.

        The key of a `Keyed` input is filled in. It is tried as `retry` says, None for once. Without a `timeout` each
        attempt has the time that the host gives a function, and fails then.

        Raises:
            Exception: It failed in all attempts; the SDK has no class of its own for that.
            StepTimeoutError: It did not end in time. It goes on, and nobody reads its result.
        """
        name = activity.__name__

        def run() -> Steps[Any]:
            if not self._is_registered("activity", name):
                raise LookupError(f"The app has no activity {name!r}. Register it: app.add_activity({name}).")
            payload = self._payloads.send("activity", name, dump(self._with_key(request, name)))
            tries = attempt(self._durable, name, payload, retry)
            result = yield from self._in_time(tries, timeout, f"Activity {name!r} did not end")
            return returned_by_activity(activity).validate_python(self._payloads.receive(result))

        return self._step(f"call({name})", run)

    def run(
        self,
        orchestration: "Callable[[OrchestrationContext, InputT], Steps[OutputT]]",
        request: InputT,
        *,
        instance_id: str | None = None,
        timeout: timedelta | None = None,
    ) -> Step[OutputT]:
        """Run another orchestration as a child, and return what it returns.

        What it uses counts as used by this run, and it may use what this run has left.

        Raises:
            Exception: It failed; the SDK has no class of its own for that.
            StepTimeoutError: It did not end in time. It goes on, and this run is not over before it.
        """
        name = orchestration.__name__

        def run() -> Steps[OutputT]:
            if not self._is_registered("orchestration", name):
                raise LookupError(
                    f"The app has no orchestration {name!r}. List it: orchestrations=[Orchestration({name})]."
                )

            payload = self._payloads.send("orchestration", name, self._for_child(name, request))

            def child() -> Steps[Any]:
                task: Any = self._durable.call_sub_orchestrator(name, payload, instance_id)
                self._spending.watch(task)
                yield AnyOf((task,))
                self._status.show_usage()
                if task.state.name == "FAILED":
                    raise task.result
                return ChildEnd.read(task.result).child_output

            result = yield from self._in_time(child(), timeout, f"Orchestration {name!r} did not end")
            return cast(OutputT, returned_by(orchestration).validate_python(self._payloads.receive(result)))

        return self._step(f"run({name})", run)

    @overload
    def wait_for(
        self, event: str, model: None = None, *, question: str | None = None, timeout: timedelta | None = None
    ) -> Step[Any]: ...

    @overload
    def wait_for(
        self, event: str, model: type[ModelT], *, question: str | None = None, timeout: timedelta | None = None
    ) -> Step[ModelT]: ...

    def wait_for(
        self,
        event: str,
        model: type[Any] | None = None,
        *,
        question: str | None = None,
        timeout: timedelta | None = None,
    ) -> Step[Any]:
        """Wait for an event from outside (`POST /runs/{id}/events/{event}`), and return what it brings.

        Without a `timeout` it is waited for a week, with `FOREVER` without end; `waiting_for` shows until when.
        The run's `waiting_for` shows the `question`, of a long one the beginning. What does not fit the model is
        ignored with a note there. An event that comes before anybody waits for it is kept for the next step that does,
        also if the run begins anew meanwhile.

        Raises:
            StepTimeoutError: It did not come in time.
        """
        adapter, mailbox = TypeAdapter[Any](model or Any), self._events.of(event)

        def run() -> Steps[Any]:
            limit = DEFAULT_WAIT if timeout is None else timeout
            ends_at = None if limit == FOREVER else self.now + limit
            key, waiting = self.new_id(), EventWait(event_name=event, expires_at=ends_at)
            if question is not None:
                waiting.question = cut(question, _QUESTION_CHARACTERS)
            self._status.wait(key, waiting)
            try:
                while True:
                    payload = yield from self._next_event(mailbox, ends_at, f"Event {event!r}", limit)
                    try:
                        return adapter.validate_python(payload)
                    except ValidationError as error:
                        note = f"An event was ignored: it is no {getattr(model, '__name__', model)}. {_first(error)}"
                        self._status.wait(key, waiting.model_copy(update={"note": note}))
            finally:
                self._status.stop_waiting(key)

        return self._step(f"wait_for({event!r})", run)

    def sleep(self, duration: timedelta) -> Step[None]:
        """Wait for so long. A timer may fire up to a second early, whatever stores it; this one does not."""
        return self._step(f"sleep({duration})", lambda: pause(self._durable, duration))

    def approve(
        self,
        title: str,
        content: str,
        policy: ReviewPolicy | None = None,
        *,
        attempt: int = 1,
    ) -> Step[Review]:
        """Put a text to its reviewers, and return what they decide, which may be nothing before it has expired.

        They get the whole text with a signed link; the run shows a preview in `waiting_for`. `attempt` counts the
        drafts of one text. A decision counts for this very text only.
        """
        asked = policy or ReviewPolicy()
        return self._step(
            f"approve({title!r})",
            lambda: review(self._durable, self._status, title, content, asked, attempt, payloads=self._payloads),
        )

    @overload
    def all(  # type: ignore[overload-overlap]  # a tuple is a sequence; its own types are better known
        self, steps: tuple[Steps[FirstT], Steps[SecondT]], *, return_exceptions: Literal[False] = False
    ) -> Step[tuple[FirstT, SecondT]]: ...

    @overload
    def all(  # type: ignore[overload-overlap]  # as above
        self,
        steps: tuple[Steps[FirstT], Steps[SecondT], Steps[ThirdT]],
        *,
        return_exceptions: Literal[False] = False,
    ) -> Step[tuple[FirstT, SecondT, ThirdT]]: ...

    @overload
    def all(
        self, steps: Sequence[Steps[OutputT]], *, return_exceptions: Literal[False] = False, width: int | None = None
    ) -> Step[list[OutputT]]: ...

    @overload
    def all(
        self, steps: Sequence[Steps[OutputT]], *, return_exceptions: Literal[True], width: int | None = None
    ) -> Step[list[OutputT | Exception]]: ...

    def all(
        self, steps: Sequence[Steps[Any]], *, return_exceptions: bool = False, width: int | None = None
    ) -> Step[Any]:
        """Do several steps at the same time, and return their results in their order. A part of an orchestration, a
        generator such as `revise(context, draft)`, is a step as well.

        The first that fails ends the others, and its error is raised; with `return_exceptions` all are waited for, and
        the errors stand in the place of the results. With a `width`, so many run at a time: they begin in their order,
        each with its whole time-out, and those after a failure that is raised never do.

        Raises:
            ValueError: The width is less than 1.
        """
        if width is not None and width < 1:
            raise ValueError(f"The width is {width}, so no step could begin. Expected 1 or more, or None for all.")
        run = partial(run_all, steps, return_exceptions, self._unused, width)
        return self._step(f"all of {len(steps)}", run, steps)

    def first(self, steps: Sequence[Steps[OutputT]], *, skip_failures: bool = False) -> Step[First[OutputT]]:
        """Do several steps at the same time, and return which ended first, with its result; the others are cancelled.

        An activity or an agent that lost goes on by itself, and nobody reads its result. A step that fails first fails
        the race; with `skip_failures` it is out of it, until all have failed.
        """
        return self._step(f"first of {len(steps)}", lambda: run_first(steps, skip_failures, self._unused), steps)

    def continue_as_new(self, request: object) -> Step[Any]:
        """Begin the run anew with this input and an empty history; nothing after this step is executed.

        Events that came and that nobody has taken are kept for the waits of the run that begins.
        """

        def run() -> Steps[Any]:
            anew = self._allowance.model_copy(update={"used": self.usage})
            changed: dict[str, Any] = {} if anew == Allowance() else {ALLOWANCE_FIELD: anew.model_dump()}
            if left := self._events.left():
                changed[KEPT_EVENTS] = left
            self._durable.continue_as_new(self._payloads.begin_anew(dump(request), changed))
            raise ContinuedAsNew
            yield  # a generator, as all steps are

        return self._step("continue_as_new", run)

    def _for_child(self, name: str, request: object) -> Any:
        """Return the input of a child: with what it may use, unless it gets its input exactly as it is."""
        payload = dump(request)
        if isinstance(payload, dict) and not isinstance(request, RootModel):
            left = self._allowance.budget.left(self.usage).tightened(self._budget_of(name))
            payload[ALLOWANCE_FIELD] = Allowance(budget=left, is_counted=True).model_dump()
        return payload

    def show_usage(self) -> None:
        """Show all that is known of what the run has used."""
        self._status.show_usage()

    def check(self) -> None:
        """Refuse to end a run that has forgotten a step, see `Unused.check`."""
        self._unused.check()

    def _step(self, name: str, run: Callable[[], Steps[Any]], parts: Sequence[Steps[Any]] = ()) -> Step[Any]:
        return Step(name, run, self._unused, parts)

    def _next_event(self, mailbox: Mailbox, ends_at: datetime | None, what: str, timeout: timedelta) -> Steps[Any]:
        """Return what the next event brings. The timer is new each time, as the wait is, see `drive`."""
        with Deadline(self._durable, ends_at) as deadline:
            while (event := mailbox.take()) is None:
                if deadline.is_over:
                    raise StepTimeoutError(f"{what} did not come within {timeout}.")
                yield AnyOf((mailbox.task(), *deadline.tasks()))
            return event[0]

    def _in_time(self, part: Steps[Any], timeout: timedelta | None, what: str) -> Steps[Any]:
        """Return the result of a part, or raise its error; when its time is over, it is given up."""
        if timeout is None:
            return (yield from part)
        won = yield from run_first([part, pause(self._durable, timeout)], False, self._unused)
        if won.index:
            raise StepTimeoutError(f"{what} within {timeout}.")
        return won.result

    def _check_owner(self, session: AgentSession | None) -> None:
        """Keep a run from talking in somebody else's session: which one may stand in an input that a caller wrote."""
        durable = getattr(session, "durable_session_id", None)
        key = "" if durable is None else str(durable.key)
        if owner_of(self.instance_id) is not None and owner_of(key) not in (None, owner_of(self.instance_id)):
            raise PermissionError(f"Run {self.instance_id!r} may not use session {key!r}: it is somebody else's.")

    def _with_key(self, request: InputT, activity: str) -> InputT:
        if isinstance(request, Keyed) and not request.key:
            return request.model_copy(update={"key": f"{self.instance_id}-{self.new_id()}-{activity}"})
        return request


class _RunLog(logging.LoggerAdapter[logging.Logger]):
    """The log of a run: its lines begin with the instance id, and replay repeats none."""

    def __init__(self, logger: logging.Logger, durable: df.DurableOrchestrationContext) -> None:
        super().__init__(logger)
        self._durable = durable

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802  # the name that logging knows
        return not self._durable.is_replaying and super().isEnabledFor(level)

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        return f"{self._durable.instance_id}: {msg}", kwargs


def _first(error: ValidationError) -> str:
    detail = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(map(str, detail['loc'])) or 'It'}: {detail['msg']}."
