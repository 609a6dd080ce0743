"""What the executors of a run ask humans: each request is told to its reviewers, and waited for until it is over."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df
from pydantic import BaseModel

from durable_agents.activities.notify_reviewer import ReviewRequest
from durable_agents.ids import HUMAN_REQUEST_ID, fits
from durable_agents.orchestration.deadline import Deadline
from durable_agents.orchestration.events import Events
from durable_agents.orchestration.human_requests import (
    HumanAnswer,
    HumanRequest,
    IgnoredAnswerError,
    Unanswered,
    hash_request,
    read_answer,
    read_human_answer,
    text_of,
)
from durable_agents.orchestration.recording import Recordings
from durable_agents.orchestration.steps import AnyOf, Fiber, Steps
from durable_agents.orchestration.tasks import MOST_EARLY
from durable_agents.orchestration.telling import NO_KEY, UNTOLD, Telling
from durable_agents.workflows.declared_types import value_of
from durable_agents.workflows.graph_status import GraphStatus
from durable_agents.workflows.request_policies import RequestPolicies, RequestPolicy, plain

logger = logging.getLogger(__name__)

_LONGEST_ID = 400
_NO_END = timedelta(days=365)


class RequestExpiredError(TimeoutError):
    """Nobody has answered a request in time, and no answer was declared for that."""


@dataclass(frozen=True, slots=True)
class Inquiries:
    """What the requests of a run have in common, those of the workflows inside it included.

    Attributes:
        context: The orchestration of the run.
        workflow: The name of the workflow of the run.
        models: What their answers are read by, as requests name it.
        policies: How long they are asked, and whom.
        status: Shows them.
        events: Have their answers.
        asked: The ids of all so far.
    """

    context: df.DurableOrchestrationContext
    workflow: str
    models: Mapping[str, type[BaseModel]]
    policies: RequestPolicies
    status: GraphStatus
    events: Events
    asked: set[str]


class OpenRequests:
    """The requests that the executors of one graph have made at the same time: each is waited for from its start."""

    def __init__(self, inquiries: Inquiries, prefix: str) -> None:
        self._inquiries = inquiries
        self._prefix = prefix
        self._open: dict[str, tuple[HumanRequest, type[BaseModel]]] = {}
        self._waits: dict[str, Fiber] = {}
        self._is_settled, self._taken = False, set[str]()
        # What the run goes on with in the place of an answer.
        self._withdrawn: dict[str, Any] = {}

    def open(self, requests: Sequence[HumanRequest]) -> None:
        """Begin to wait for them all, under ids that lead to them from outside.

        Raises:
            ValueError: No answer could be sent to one of them, or could be checked, or its id was used before.
        """
        for request in requests:
            name = f"{self._prefix}{request.request_id}"
            model = self._check(request, name)
            self._inquiries.asked.add(name)
            self._open[request.request_id] = request, model
            self._waits[request.request_id] = Fiber(self._wait(request.model_copy(update={"request_id": name}), model))
        self._go_on()

    def answer(self, request_id: str) -> Steps[Any]:
        """Return the answer to a request, in the form that its executor asked for.

        Raises:
            RequestExpiredError: One of the open requests has expired, and no answer was declared for that.
        """
        while not self._waits[request_id].has_ended:
            yield AnyOf(tuple(dict.fromkeys(task for wait in self._waits.values() for task in wait.tasks)))
            self._go_on()
            for wait in self._waits.values():
                if wait.has_failed:
                    wait.outcome()
        if request_id in self._withdrawn:
            return self._withdrawn[request_id]
        return self._waits[request_id].outcome()

    def close(self) -> None:
        """Wait for none of them any more."""
        for wait in self._waits.values():
            wait.cancel()

    def _go_on(self) -> None:
        for wait in self._waits.values():
            wait.go_on()
        for request_id, (request, model) in self._open.items() if self._is_settled else ():
            policy, name = self._inquiries.policies.of(request.request_type), f"{self._prefix}{request_id}"
            if policy.withdrawn is not None and name not in self._taken and request_id not in self._withdrawn:
                self._waits[request_id].cancel()
                self._inquiries.status.stop_asking(name, "withdrawn")
                self._withdrawn[request_id] = value_of(read_answer(plain(policy.withdrawn), model))

    def _check(self, request: HumanRequest, name: str) -> type[BaseModel]:
        place = f"Executor {request.source_executor_id!r} asks a human under id {request.request_id!r}, which"
        if not fits(HUMAN_REQUEST_ID, request.request_id) or len(name) > _LONGEST_ID:
            possible = "use 1 to 128 letters, digits, '_', '.', ':' and '-', or leave request_id out"
            raise ValueError(f"{place} is impossible: {possible}, and the framework makes one.")
        if name in self._inquiries.asked:
            raise ValueError(f"{place} had a request before. Leave request_id out, and the framework makes one.")
        model = self._inquiries.models.get(str(request.response_type))
        if model is None:
            raise ValueError(f"{place} wants a {request.response_type!r}. Give an executor a response handler for it.")
        return model

    def _wait(self, request: HumanRequest, model: type[BaseModel]) -> Steps[Any]:
        """Tell the reviewers and wait for an answer; remind them, until the time is over."""
        inquiries, policy = self._inquiries, self._inquiries.policies.of(request.request_type)
        context, status, name = inquiries.context, inquiries.status, request.request_id
        place, title = f"{self._prefix}{request.source_executor_id}", _title(inquiries.workflow, request)
        request = _opened(request, policy, context.current_utc_datetime, title)
        mailbox = inquiries.events.of(name)
        unanswered: Unanswered | None = None
        telling, recordings = _telling(inquiries, request, title), Recordings(context)
        telling.go_on()
        status.ask(place, request)
        try:
            while True:
                with Deadline(context, _next_moment(request, policy)) as deadline:
                    while (event := mailbox.take_raw()) is None and not deadline.is_over:
                        told = telling.note
                        yield AnyOf((*telling.tasks, *recordings.tasks, mailbox.task(), *deadline.tasks()))
                        telling.go_on()
                        recordings.go_on()
                        if telling.note != told:
                            request = request.model_copy(update={"note": telling.note})
                            status.ask(place, request)
                if event is not None:
                    try:
                        answer = read_human_answer(event[0], model, request.reviewers)
                    except IgnoredAnswerError as ignored:
                        if ignored.refused is not None:
                            recordings.answer(request, ignored.refused[0], title, ignored.refused[1], str(ignored))
                        request = self._ignore(request, model, str(ignored))
                        status.ask(place, request)
                        continue
                    self._log(name, answer)
                    telling.cancel()
                    status.stop_asking(name)
                    value = self._take(name, answer.value, policy)
                    recordings.answer(request, answer.by, title, answer.value.model_dump(mode="json"))
                    yield from recordings.finish()
                    return value
                if _has_expired(request, context.current_utc_datetime):
                    unanswered = "expired"
                    value = self._take(name, _otherwise(request, policy, model), policy)
                    yield from recordings.finish()
                    return value
                request = request.model_copy(update={"reminders": request.reminders + 1})
                telling.cancel()
                telling = _telling(inquiries, request, title)
                telling.go_on()
                status.ask(place, request)
        finally:
            telling.cancel()
            recordings.cancel()
            status.stop_asking(name, unanswered)

    def _take(self, name: str, answer: BaseModel, policy: RequestPolicy) -> Any:
        """Return the answer as its executor asked for it, and see whether it settles what else was asked."""
        self._taken.add(name)
        self._is_settled = self._is_settled or policy.is_settled_by(answer)
        return value_of(answer)

    def _ignore(self, request: HumanRequest, model: type[BaseModel], why: str) -> HumanRequest:
        """Note that whoever may raise events has sent one past the routes, which is no answer."""
        if not self._inquiries.context.is_replaying:
            place = f"{self._inquiries.context.instance_id}: an event was ignored"
            logger.warning("%s as an answer to %r, a %s: %s.", place, request.request_id, model.__name__, why)
        note = f"An event was ignored as an answer: {why}."
        return request if request.note in (UNTOLD, NO_KEY) else request.model_copy(update={"note": note})

    def _log(self, request_id: str, answer: HumanAnswer[Any]) -> None:
        if not self._inquiries.context.is_replaying:
            # As JSON, in one line: what somebody wrote cannot pass for another line of the log.
            by = answer.by.model_dump_json()
            logger.info("%s: request %r was answered: %s", self._inquiries.context.instance_id, request_id, by)


def _opened(request: HumanRequest, policy: RequestPolicy, now: datetime, title: str) -> HumanRequest:
    """Return the request with all that its policy says."""
    update: dict[str, Any] = {
        "content_hash": hash_request(title, request.data),
        "requested_at": now,
        "reviewers": list(policy.reviewers),
    }
    if policy.expires_after is not None:
        update["expires_at"] = now + policy.expires_after
        update["if_expired"] = "failure" if policy.otherwise is None else "answer"
    return request.model_copy(update=update)


def _title(workflow: str, request: HumanRequest) -> str:
    return f"{workflow}: {request.source_executor_id}"


def _next_moment(request: HumanRequest, policy: RequestPolicy) -> datetime:
    """Return when the request expires, or its reviewers are told again, whichever comes first."""
    assert request.requested_at is not None
    reminder = request.requested_at + (request.reminders + 1) * policy.remind_after
    # An answer that came at the last moment may be on its way.
    return reminder if request.expires_at is None else min(reminder, request.expires_at + MOST_EARLY)


def _has_expired(request: HumanRequest, now: datetime) -> bool:
    return request.expires_at is not None and now >= request.expires_at + MOST_EARLY


def _otherwise(request: HumanRequest, policy: RequestPolicy, model: type[BaseModel]) -> BaseModel:
    if policy.otherwise is None:
        raise RequestExpiredError(
            f"Nobody has answered request {request.request_id!r} of executor {request.source_executor_id!r} until "
            f"{request.expires_at}. The policy for it says what the run goes on with, if anything: 'otherwise'."
        )
    return read_answer(plain(policy.otherwise), model)


def _telling(inquiries: Inquiries, request: HumanRequest, title: str) -> Telling:
    """Return what tells the reviewers of the request."""
    instance_id, number = str(inquiries.context.instance_id), request.reminders
    key = f"{instance_id}-{request.request_id}" + (f"-{number}" if number else "")
    assert request.requested_at is not None
    assert request.content_hash is not None
    title, content = text_of(title, request.data)
    message = ReviewRequest(
        key=key,
        instance_id=instance_id,
        request_id=request.request_id,
        attempt=1,
        title=title,
        content=content,
        content_hash=request.content_hash,
        expires_at=request.expires_at or request.requested_at + _NO_END,
        reviewers=tuple(request.reviewers),
        reminder=number,
        answer_at=f"workflow/{inquiries.workflow}/respond/{instance_id}/{request.request_id}",
    )
    return Telling(inquiries.context, message.model_dump(mode="json"))
