"""A conversation as an entity, around an SDK that knows nothing of durability: the plain client of `openai`.

Use it when you have a loop around another SDK already, and want its conversations to survive: one message at a time, in
order, with the state in one place. Not for a new agent: the session of an `Agent` is such an entity, with streams,
budgets, approvals and a lifetime; nor for what takes minutes: an interrupted message is taken again from its beginning.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import azure.durable_functions as df
from pydantic import BaseModel, Field

from activities.use_tool import ToolUse, use_tool
from agents import clerk
from durable_agents import OpenAIModel, describe_failure

logger = logging.getLogger(__name__)

_MOST_BYTES, _MOST_TURNS = 200_000, 1_000
_MOST_ROUNDS = 4


class ChatMessage(BaseModel):
    """The input of the operation `message`. A message is taken once, however often it comes with its id."""

    message_id: str = Field(min_length=1, max_length=64)
    message: str = Field(min_length=1, max_length=8_000, pattern=r"\S")


class ChatTurn(BaseModel):
    """A message and what came of it. One that is `dropped` was long ago: its texts are no longer kept."""

    message_id: str
    digest: str
    status: Literal["answered", "failed", "dropped"]
    message: str = ""
    answer: str | None = None
    error: str | None = None
    error_code: str | None = None
    retryable: bool = False
    ended_at: datetime


class NoAnswerError(Exception):
    """The model has answered nothing that is an answer."""


def chat_session(context: df.DurableEntityContext, *, connect: Callable[[], OpenAIModel]) -> None:
    """Take a `message`: ask the model, use tools for it, and keep what came of that as the state, a list of turns.

    What fails is kept as failed, for the caller to see, and the model is never shown it. A crash in the middle takes
    the message again, with a new model call; one that has ended is never taken again. `delete` leaves nothing; until
    then a session stays, for nothing lists those of an entity like this one.
    """
    if context.operation_name == "delete":
        context.destruct_on_exit()
        return
    if context.operation_name != "message":
        raise ValueError(f"There is no operation {context.operation_name!r}. Send 'message' or 'delete'.")
    said = ChatMessage.model_validate(context.get_input())
    turns = read_turns(context.get_state(list))
    if any(turn.message_id == said.message_id for turn in turns):
        return
    turn = ChatTurn(
        message_id=said.message_id,
        digest=digest_of(said.message),
        status="answered",
        message=said.message,
        ended_at=datetime.now(UTC),
    )
    try:
        turn.answer = _answer(connect(), turns, said, f"{context.entity_key}-{said.message_id}")
    except NoAnswerError as error:
        turn.status, turn.error, turn.error_code, turn.retryable = "failed", str(error), "invalid_answer", True
    except Exception as error:
        # Whatever it is, nobody else would hear of it: who has sent the message waits for this turn. The text of a
        # provider's error may repeat the conversation, so it is for the log alone.
        logger.warning("Chat session %s: a message failed", context.entity_key, exc_info=True)
        failure = describe_failure(error)
        turn.status, turn.error_code, turn.retryable = "failed", failure.code, failure.retryable
        turn.error = failure.message
    turn.ended_at = datetime.now(UTC)
    context.set_state([kept.model_dump(mode="json", exclude_defaults=True) for kept in _bounded([*turns, turn])])


def read_turns(state: Any) -> list[ChatTurn]:
    """Return the turns in a stored state, oldest first."""
    return [ChatTurn.model_validate(turn) for turn in state or ()]


def digest_of(message: str) -> str:
    """Return what tells a message from another one under the same id."""
    return hashlib.sha256(message.encode()).hexdigest()[:16]


def _answer(model: OpenAIModel, turns: Iterable[ChatTurn], said: ChatMessage, key: str) -> str:
    """Return the model's answer, after at most so many rounds of tools."""
    # Here, for it takes a second, and a cold start need not wait for it.
    from openai.types.chat import ChatCompletion

    messages: list[Any] = [{"role": "system", "content": clerk.INSTRUCTIONS}, *_told(turns)]
    messages.append({"role": "user", "content": said.message})
    tools: list[Any] = [tool.to_json_schema_spec() for tool in clerk.TOOLS]
    for number in range(_MOST_ROUNDS + 1):
        choice: Literal["auto", "none"] = "none" if number == _MOST_ROUNDS else "auto"
        response = model.client.chat.completions.create(
            model=model.name, messages=messages, tools=tools, tool_choice=choice
        )
        # A server that answers with a page of HTML, say, gives the client a text.
        is_completion = isinstance(response, ChatCompletion)
        answer = response.choices[0] if is_completion and response.choices else None
        if answer is None or answer.finish_reason not in ("stop", "tool_calls"):
            raise NoAnswerError("The model's answer is missing, cut off or filtered.")
        calls = answer.message.tool_calls
        if not calls:
            if not (answer.message.content or "").strip():
                raise NoAnswerError("The model's answer is empty.")
            return str(answer.message.content)
        messages.append(answer.message.model_dump(exclude_none=True))
        messages += [_use(call, f"{key}-{number}") for call in calls]
    raise NoAnswerError(f"The model asks for tools without end: more than {_MOST_ROUNDS} times.")


def _told(turns: Iterable[ChatTurn]) -> Iterator[dict[str, str]]:
    for turn in turns:
        if turn.status == "answered" and turn.answer is not None:
            yield {"role": "user", "content": turn.message}
            yield {"role": "assistant", "content": turn.answer}


def _use(call: Any, key: str) -> dict[str, str]:
    """Return what the model is told of one call: its mistakes too, and that the tool has failed."""
    try:
        arguments = json.loads(call.function.arguments or "{}")
        use = ToolUse(key=f"{key}-{call.id}", name=call.function.name, arguments=arguments)
        text = asyncio.run(use_tool(use, tools=clerk.TOOLS)).text
    except ValueError:
        text = "The arguments are no JSON object. Correct the call."
    except Exception:
        logger.warning("%s: the tool %s failed", key, call.function.name, exc_info=True)
        text = "The tool has failed. Do not count on it."
    return {"role": "tool", "tool_call_id": call.id, "content": text}


def _bounded(turns: list[ChatTurn]) -> list[ChatTurn]:
    """Return the turns without the texts of the oldest, as far as there is no room: an entity has one for 1 MB."""
    turns = turns[-_MOST_TURNS:]
    room, kept = _MOST_BYTES, list[ChatTurn]()
    for turn in reversed(turns):
        room -= len(json.dumps(turn.model_dump(mode="json")))
        short = {"status": "dropped", "message": "", "answer": None, "error": None}
        kept.append(turn if room >= 0 or not kept else turn.model_copy(update=short))
    return kept[::-1]
