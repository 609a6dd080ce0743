"""Ways in which a model provider goes wrong, each a step of the `ChatCompletionsServer`."""

import asyncio
import json
from dataclasses import dataclass, field

from aiohttp import web

from durable_agents.testing.chat_server import CREATED, Answer, ChatRequest


@dataclass(frozen=True, slots=True)
class MalformedJson:
    """An answer that is cut in the middle of its JSON, streamed or not."""

    async def respond(self, http: web.Request, request: ChatRequest) -> web.StreamResponse:
        half = '{"id": "chatcmpl-1", "object": "chat.comp'
        if not request.streams:
            return web.Response(text=half, content_type="application/json")
        return web.Response(text=f"data: {half}\n\ndata: [DONE]\n\n", content_type="text/event-stream")


@dataclass(frozen=True, slots=True)
class Body:
    """A response of 200 with this body, whatever was asked for."""

    text: str
    content_type: str = "application/json"

    async def respond(self, http: web.Request, request: ChatRequest) -> web.StreamResponse:
        return web.Response(text=self.text, content_type=self.content_type)


@dataclass(frozen=True, slots=True)
class EndedStream:
    """A stream that sends the words of `text` and then ends as if that were all: no finish_reason, no [DONE]."""

    text: str = ""

    async def respond(self, http: web.Request, request: ChatRequest) -> web.StreamResponse:
        response = await _begin(http, request, self.text)
        await response.write_eof()
        return response


@dataclass(frozen=True, slots=True)
class StalledStream:
    """A stream that sends the words of `text` and then nothing more, until the client goes away."""

    text: str = ""

    async def respond(self, http: web.Request, request: ChatRequest) -> web.StreamResponse:
        response = await _begin(http, request, self.text)
        await asyncio.sleep(60)
        return response


@dataclass(frozen=True, slots=True)
class BrokenStream:
    """A stream that sends the words of `text` and then loses its connection."""

    text: str = ""

    async def respond(self, http: web.Request, request: ChatRequest) -> web.StreamResponse:
        response = await _begin(http, request, self.text)
        assert http.transport is not None
        http.transport.abort()
        return response


@dataclass(frozen=True, slots=True)
class Slow:
    """An answer that comes after `seconds`."""

    answer: Answer
    seconds: float

    async def respond(self, http: web.Request, request: ChatRequest) -> web.StreamResponse:
        await asyncio.sleep(self.seconds)
        return await self.answer.respond(http, request)


@dataclass(frozen=True, slots=True)
class Silence:
    """Takes a request, says so, and never answers."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def respond(self, http: web.Request, request: ChatRequest) -> web.StreamResponse:
        self.arrived.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets that event")


async def _begin(http: web.Request, request: ChatRequest, text: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(http)
    envelope = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": CREATED}
    for word in text.split():
        delta = {"role": "assistant", "content": f"{word} "}
        chunk = {
            **envelope,
            "model": request.body["model"],
            "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
        }
        await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
    return response
