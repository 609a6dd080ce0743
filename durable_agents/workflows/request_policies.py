"""Who answers what a graph workflow asks, for how long they are asked, and what happens when nobody does."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from agent_framework import AgentExecutor, Workflow, WorkflowExecutor
from pydantic import BaseModel, Field, RootModel, ValidationError, field_validator

from durable_agents.characters.person_names import check_names
from durable_agents.orchestration.approval_requests import ReviewerName
from durable_agents.orchestration.human_requests import read_answer
from durable_agents.settings.fields import MAX_REVIEWERS
from durable_agents.workflows.declared_types import answer_models
from durable_agents.workflows.nesting import with_inner


class RequestPolicy(BaseModel):
    """What holds for the requests of one class, in all workflows of an app.

    The reviewers are told when a request opens, and again each time that `remind_after` has passed. When nobody has
    answered within `expires_after`, the run goes on with the answer `otherwise`, or fails if there is none. Without
    `expires_after` a request waits, and reminds, for as long as it takes. Where `reviewers` are named, nobody else's
    answer counts.

    An answer that has all the values of `settles` settles what its graph has asked at the same time: of the other
    requests, those whose policy says `withdrawn` are withdrawn, and the run goes on with that answer to them.
    """

    reviewers: list[ReviewerName] = Field(default=[], max_length=MAX_REVIEWERS)
    expires_after: timedelta | None = Field(default=None, gt=timedelta(), le=timedelta(days=365))
    remind_after: timedelta = Field(default=timedelta(days=1), ge=timedelta(minutes=1), le=timedelta(days=30))
    otherwise: Any = None
    settles: dict[str, Any] | None = Field(default=None, min_length=1)
    withdrawn: Any = None

    @field_validator("reviewers")
    @classmethod
    def _can_be_told_apart(cls, reviewers: list[str]) -> list[str]:
        check_names(reviewers)
        return reviewers

    def is_settled_by(self, answer: BaseModel) -> bool:
        """Say whether this answer settles what was asked at the same time."""
        given = answer.model_dump(mode="json")
        return self.settles is not None and all(given.get(name) == value for name, value in self.settles.items())


_ANY_REQUEST = RequestPolicy()


class RequestPolicies:
    """The policies of an app, by the class of what is asked; a class without one has that of all others.

    Raises:
        ValueError: There are two for one class.
    """

    def __init__(self, *policies: Mapping[type, RequestPolicy]) -> None:
        self._by_class: dict[type, RequestPolicy] = {}
        for kind, policy in (pair for some in policies for pair in some.items()):
            if kind in self._by_class:
                raise ValueError(f"There are two policies for requests of class {kind.__name__}. Keep one.")
            self._by_class[kind] = policy
        self._by_name = {f"{kind.__module__}:{kind.__name__}": policy for kind, policy in self._by_class.items()}

    def of(self, request_type: str | None) -> RequestPolicy:
        """Return the policy for requests of this type, named as `module:class`."""
        return self._by_name.get(str(request_type), _ANY_REQUEST)

    def check(self, workflows: Iterable[Workflow]) -> None:
        """Check that each policy is for something that one of these workflows asks, and its answer one to that.

        Raises:
            ValueError: It is not; the message says which, and what to do.
        """
        asked = [pair for workflow in workflows for pair in _requests_of(workflow)]
        for kind, policy in self._by_class.items():
            answers = [answer for request, answer in asked if request is kind]
            if not answers:
                raise ValueError(
                    f"There is a policy for requests of class {kind.__name__}, and no executor has a response handler "
                    "for one. Give the class of what ctx.request_info(...) is called with."
                )
            if policy.otherwise is not None and policy.expires_after is None:
                raise ValueError(f"The policy for {kind.__name__} says 'otherwise' of what? Give it 'expires_after'.")
            if policy.withdrawn is not None and all(one.settles is None for one in self._by_class.values()):
                raise ValueError(
                    f"The policy for {kind.__name__} says 'withdrawn' by what? Give another one 'settles'."
                )
            for name, declared in (("otherwise", policy.otherwise), ("withdrawn", policy.withdrawn)):
                for answer in answers if declared is not None else ():
                    _check_answer(kind, name, declared, answer)
            for answer in answers if policy.settles is not None else ():
                _check_fields(kind, policy.settles or {}, answer)


def _requests_of(workflow: Workflow) -> Iterator[tuple[Any, Any]]:
    """Yield the classes of what its executors ask, each with that of the answer."""
    for inner in with_inner(workflow):
        for executor in inner.executors.values():
            # The framework has no public name for them.
            yield from () if isinstance(executor, AgentExecutor | WorkflowExecutor) else executor._response_handlers


def _check_fields(kind: type, settles: Mapping[str, Any], annotation: Any) -> None:
    for model in answer_models(annotation).values():
        if settles.keys() <= model.model_fields.keys() and not issubclass(model, RootModel):
            return
    raise ValueError(f"The policy for {kind.__name__} 'settles' by {sorted(settles)}, which no answer to it has.")


def _check_answer(kind: type, field: str, declared: Any, annotation: Any) -> None:
    wrong = ""
    for name, model in answer_models(annotation).items():
        try:
            read_answer(plain(declared), model)
            return
        except ValidationError as error:
            wrong = f"{name}: {error.errors(include_url=False)[0]['msg']}"
    raise ValueError(f"The policy for {kind.__name__} goes on with {field!r}, which is no answer to it. {wrong}.")


def plain(declared: Any) -> Any:
    """Return the declared answer as plain JSON."""
    return declared.model_dump(mode="json") if isinstance(declared, BaseModel) else declared
