"""What a graph workflow asks humans, as it stands in the custom status of its run, and what they answer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, RootModel, StrictBool, ValidationError

from durable_agents.characters.person_names import find_person
from durable_agents.orchestration.approval_requests import Channel, ReviewerName, hash_content
from durable_agents.orchestration.spellings import in_own_spelling

ModelT = TypeVar("ModelT", bound=BaseModel)

_ANSWER = "$answer"

Unanswered: TypeAlias = Literal["expired", "withdrawn"]
"""Why a request takes no answer any more although it had none: in time, or before another one has settled it."""


class HumanRequest(BaseModel):
    """One request of an executor. Both types are named as `module:class`; `data` is plain JSON.

    The id of a request of a workflow inside a workflow begins with the way to it, `{executor}~{number}~`. When
    `expires_at` has come, the run goes on with the answer that was declared for that, or fails, as `if_expired` says.
    Where `reviewers` are named, nobody else's answer counts; they have been told of it once, and `reminders` times
    more. `note` tells of an event that was ignored, or that they could not be told. `data` is left out where the status
    has no room for it; what was sent to the reviewers has it.
    """

    request_id: str
    source_executor_id: str
    data: Any
    request_type: str | None
    response_type: str | None
    data_omitted: bool = False
    content_hash: str | None = None
    requested_at: datetime | None = None
    expires_at: datetime | None = None
    if_expired: Literal["answer", "failure"] | None = None
    reviewers: list[str] = []
    reminders: int = 0
    note: str | None = None


class HumanInput(BaseModel):
    """What a workflow waits for: each of these requests is answered on its own."""

    kind: Literal["human_input"] = "human_input"
    requests: list[HumanRequest]


class AnsweredBy(BaseModel):
    """Who has answered, and by what way; without `verified` the name is as stated."""

    reviewer: ReviewerName | None = None
    reviewer_id: ReviewerName | None = None
    verified: StrictBool = False
    channel: Channel = "webhook"


@dataclass(frozen=True, slots=True)
class HumanAnswer(Generic[ModelT]):
    """An answer that counts."""

    value: ModelT
    by: AnsweredBy

    def to_event(self) -> dict[str, Any]:
        """Return the answer as it travels in the event."""
        return {_ANSWER: self.value.model_dump(mode="json"), **self.by.model_dump(mode="json")}


class IgnoredAnswerError(ValueError):
    """An event that is no answer; the message says why.

    `refused` is the answer of somebody who was not asked, as plain JSON, with who that is.
    """

    def __init__(self, message: str, refused: tuple[AnsweredBy, Any] | None = None) -> None:
        super().__init__(message)
        self.refused = refused


def read_human_requests(custom_status: object) -> list[HumanRequest]:
    """Return the requests a run waits with according to its custom status."""
    waiting_for = custom_status.get("waiting_for") if isinstance(custom_status, dict) else None
    is_workflow = isinstance(waiting_for, dict) and waiting_for.get("kind") == "human_input"
    return HumanInput.model_validate(waiting_for).requests if is_workflow else []


def read_unanswered(custom_status: object, why: Unanswered) -> list[str]:
    """Return the ids of the requests of a run that nobody has answered in time, or that were withdrawn."""
    found = custom_status.get(f"{why}_requests") if isinstance(custom_status, dict) else None
    return [str(one) for one in found] if isinstance(found, list) else []


def text_of(title: str, data: Any) -> tuple[str, str]:
    """Return title and text of a request, as reviewers read it; `data` is plain JSON."""
    return title, data if isinstance(data, str) else json.dumps(data, indent=2, ensure_ascii=False)


def hash_request(title: str, data: Any) -> str:
    """Return the SHA-256, in hex, of what reviewers read of a request."""
    return hash_content(*text_of(title, data))


def read_human_answer(payload: object, model: type[ModelT], reviewers: Sequence[str] = ()) -> HumanAnswer[ModelT]:
    """Return the answer in the payload of an event. Fields may also be written in camelCase.

    The payload is JSON text when the SDK has raised the event, and an object when the durable webhook has. The routes
    of the app send with an answer who has given it; a bare one is anybody's.

    Raises:
        IgnoredAnswerError: It is none, or that of somebody who was not asked: it is then as if nothing had come.
    """
    try:
        content: Any = json.loads(payload) if isinstance(payload, str) else payload
    except (ValueError, RecursionError):
        content = payload
    by = AnsweredBy()
    if isinstance(content, dict) and _ANSWER in content:
        try:
            by = AnsweredBy.model_validate({name: item for name, item in content.items() if name != _ANSWER})
        except ValidationError as error:
            raise IgnoredAnswerError("it does not say who has answered") from error
        content = payload = content[_ANSWER]
    if reviewers and find_person(by.reviewer, reviewers) is None:
        raise IgnoredAnswerError("whoever sent it is none of those who were asked", (by, content))
    # A text that the webhook has sent is no JSON text.
    for candidate in (content, payload):
        try:
            return HumanAnswer(read_answer(candidate, model), by)
        except (ValueError, RecursionError):
            continue
    raise IgnoredAnswerError(f"it is no {model.__name__}")


def read_answer(value: Any, model: type[ModelT], *, forbids_extra: bool = False) -> ModelT:
    """Return the JSON as an instance of the model; fields may also be written in camelCase.

    Raises:
        ValidationError: It is none.
    """
    annotation: Any = model.model_fields["root"].annotation if issubclass(model, RootModel) else model
    own = in_own_spelling(value, annotation)
    return model.model_validate(own, extra="forbid") if forbids_extra else model.model_validate(own)
