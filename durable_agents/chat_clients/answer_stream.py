"""Read the answer of a chat completions server that was asked for a stream, also if it sends none.

Small servers and gateways ignore `stream: true` and answer one whole JSON completion, a login page or an error. The
client's library finds no event in any of these and takes each for an empty answer.
"""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
from openai import DefaultAsyncHttpxClient

from durable_agents.chat_clients.whole_answer import InvalidAnswerError

_MOST_BYTES = 10_000_000
_EVENTS = "text/event-stream"
_EVENT_BEGINS = (b"data:", b"event:", b"id:", b"retry:", b":")
_LONGEST_BEGIN = max(map(len, _EVENT_BEGINS))


class AnswerStreamClient(DefaultAsyncHttpxClient):
    """An HTTP client in whose streamed responses every body is a stream of events.

    A whole completion, or an error object, becomes the one event of such a stream. For anything else, reading the body
    raises an `InvalidAnswerError`.
    """

    async def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
        """Send a request, as the library does."""
        response = await super().send(request, stream=stream, **options)
        if not stream or not response.is_success:
            return response
        # The body is given decoded and with a length of its own.
        left_out = ("content-encoding", "content-length", "transfer-encoding")
        headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in left_out]
        return httpx2.Response(response.status_code, headers=headers, stream=_Events(response), request=request)


class _Events(httpx2.AsyncByteStream):
    """The body of a response as a stream of events."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = self._response.aiter_bytes()
        begin = b""
        async for piece in pieces:
            begin += piece
            if len(begin.strip()) >= _LONGEST_BEGIN:
                break
        if begin.lstrip().startswith(b"{"):
            yield _to_event(await _read_rest(begin, pieces))
            return
        self._check_kind(begin.strip())
        yield begin
        async for piece in pieces:
            yield piece

    async def aclose(self) -> None:
        await self._response.aclose()

    def _check_kind(self, begin: bytes) -> None:
        kind = self._response.headers.get("content-type", "").partition(";")[0].strip().lower()
        # Some servers give their events another type.
        if kind != _EVENTS and not begin.startswith(_EVENT_BEGINS):
            found = "a page of HTML" if kind == "text/html" else "something else"
            message = f"The model provider answered with {found} in the place of an answer. Check its base URL."
            raise InvalidAnswerError(message)


async def _read_rest(begin: bytes, pieces: AsyncIterator[bytes]) -> bytes:
    body = bytearray(begin)
    async for piece in pieces:
        body += piece
        if len(body) > _MOST_BYTES:
            raise InvalidAnswerError(f"The model's answer has more than {_MOST_BYTES} bytes.", retryable=False)
    return bytes(body)


def _to_event(body: bytes) -> bytes:
    """Return a whole completion, or an error object, as the one event of a stream."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidAnswerError("The model provider's answer is cut off, or no JSON.") from error
    event = answer if answer.get("error") else _to_chunk(answer)
    return f"data: {json.dumps(event)}\n\n".encode()


def _to_chunk(completion: dict[str, Any]) -> dict[str, Any]:
    choices = completion.get("choices")
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise InvalidAnswerError("The model provider's answer is JSON, but no completion.")
    described = {"id": "", "created": int(time.time()), "model": "", **completion}
    return {**described, "object": "chat.completion.chunk", "choices": [_to_delta(choice) for choice in choices]}


def _to_delta(choice: dict[str, Any]) -> dict[str, Any]:
    """Return a choice with its message as the one piece of a stream, in which tool calls are numbered."""
    message = choice.get("message") or {}
    calls = [{"index": index, **call} for index, call in enumerate(message.get("tool_calls") or ())]
    return {**choice, "delta": {**message, "tool_calls": calls or None}}
