"""Tell a model's whole answer from one that is empty, cut off or filtered, before anybody takes it for an answer.

A stream that breaks off early looks like one that has ended, and half a tool call like one with other arguments. Only
the reason with which the model says that it has finished tells them apart. Every client of the framework for chat
completions or responses gives it; some for other protocols never do.
"""

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from agent_framework import AgentResponse, ChatContext, ChatMiddleware, ChatResponse, Content
from agent_framework.exceptions import ChatClientInvalidResponseException

_FINISHED = {"stop", "tool_calls"}
# What a model is told, or thinks, or is paid, is not what it answers.
_NO_ANSWER = {"usage", "text_reasoning"}


class InvalidAnswerError(ChatClientInvalidResponseException):
    """A model's answer is not whole; the text says why, in words that come from nobody else.

    Attributes:
        retryable: Whether the same question may be answered in full the next time.
    """

    def __init__(self, problem: str, *, retryable: bool = True) -> None:
        super().__init__(problem)
        self.retryable = retryable


class WholeAnswers(ChatMiddleware):
    """Refuses what is no whole answer, for a chat client that says why each of its answers has ended."""

    async def process(self, context: ChatContext, call_next: Callable[[], Awaitable[None]]) -> None:
        context.stream_result_transforms.append(_check_finished)
        await call_next()
        if isinstance(context.result, ChatResponse):
            _check_finished(context.result)


def check_whole(answer: ChatResponse[Any] | AgentResponse[Any]) -> None:
    """Accept an answer with a text, a tool call or the like, of which nothing says that it is not whole.

    That it says nothing at all of its end is accepted too.

    Raises:
        InvalidAnswerError: It is empty, cut off or filtered.
    """
    contents = [content for message in answer.messages for content in message.contents]
    if not contents and answer.finish_reason is None:
        raise InvalidAnswerError("The model's answer is missing: the provider sent none.")
    _check_reason(answer.finish_reason)
    _check_calls(content for content in contents if content.type == "function_call")
    if not any(_is_answer(content) for content in contents):
        raise InvalidAnswerError("The model's answer is empty.")


def _check_finished(answer: ChatResponse[Any]) -> None:
    check_whole(answer)
    if answer.finish_reason is None:
        raise InvalidAnswerError("The model's answer ended early, without a finish_reason.")


def _check_reason(reason: str | None) -> None:
    if reason == "length":
        message = "The model's answer is cut off: it has reached the most tokens it may have (finish_reason length)."
        raise InvalidAnswerError(message, retryable=False)
    if reason == "content_filter":
        message = "The provider's content filter has stopped the model's answer (finish_reason content_filter)."
        raise InvalidAnswerError(message, retryable=False)
    if reason is not None and reason not in _FINISHED:
        raise InvalidAnswerError("The model's answer ended with a finish_reason that means no whole answer.")


def _check_calls(calls: Iterable[Content]) -> None:
    for call in calls:
        if not call.name:
            raise InvalidAnswerError("The model calls a tool without a name.")
        if isinstance(call.arguments, str) and call.arguments.strip() and not _is_object(call.arguments):
            raise InvalidAnswerError("The arguments of the model's tool call are cut off, or no JSON object.")


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _is_answer(content: Content) -> bool:
    if content.type == "text":
        return bool(content.text and content.text.strip())
    return content.type not in _NO_ANSWER
