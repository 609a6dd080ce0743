"""A local server that speaks the chat completions protocol, for tests of what really goes over the wire.

A test scripts the steps the server takes, one per request, in order, or gives a function that chooses the step for a
request. The server itself holds the client to the protocol: a request that a real service would refuse is refused
likewise (400, 401 or 404), and takes no step.

A new kind of fault is one more class with a `respond` method.
"""

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from aiohttp import web

CREATED = 1735732800  # 2025-01-01T12:00:00Z
_MOST_PIECES = 200
_RIGHT = "the right one"


__all__ = ["Answer", "ChatCompletionsServer", "ChatRequest", "Failure", "Step", "ToolCall"]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request the server accepted: its JSON body and its headers."""

    body: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def streams(self) -> bool:
        """Whether the client wants the answer in pieces."""
        return bool(self.body.get("stream", False))

    @property
    def instructions(self) -> str:
        """The agent's instructions: the messages of the system."""
        return "\n".join(_texts(self.body["messages"], "system"))

    @property
    def message(self) -> str:
        """What the user said last."""
        return _texts(self.body["messages"], "user")[-1]

    @property
    def output_model(self) -> str | None:
        """The name of the model that the answer is to be an instance of; None for text."""
        name: str | None = self.body.get("response_format", {}).get("json_schema", {}).get("name")
        return name


class Step(Protocol):
    """What the server does with one request."""

    async def respond(self, http: web.Request, request: ChatRequest) -> web.StreamResponse:
        """Answer the request; the HTTP request is given for steps that write to the socket themselves."""
        ...


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The call of a tool, as the model would ask for it; arguments that are a text are sent as they are."""

    call_id: str
    name: str
    arguments: Mapping[str, Any] | str

    @property
    def sent_arguments(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer, as one body or, when the client asked for it, as a stream of server-sent events.

    A server that never streams answers with one body whatever it was asked for. The `finish_reason` is the right one
    unless another is given; None leaves it out, as a stream does that ends early.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    prompt_tokens: int = 11
    completion_tokens: int = 7
    finish_reason: str | None = _RIGHT
    never_streams: bool = False

    async def respond(self, http: web.Request, request: ChatRequest) -> web.StreamResponse:
        if not request.streams or self.never_streams:
            return web.json_response(self._body(request))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(http)
        for chunk in self._chunks(request):
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response

    @property
    def _finish_reason(self) -> str | None:
        if self.finish_reason != _RIGHT:
            return self.finish_reason
        return "tool_calls" if self.tool_calls else "stop"

    @property
    def _usage(self) -> dict[str, int]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None}
        if self.tool_calls:
            message["tool_calls"] = [_tool_call(call, call.sent_arguments) for call in self.tool_calls]
        choice = {"index": 0, "message": message, "finish_reason": self._finish_reason}
        return {**_envelope(request, "chat.completion"), "choices": [choice], "usage": self._usage}

    def _chunks(self, request: ChatRequest) -> list[dict[str, Any]]:
        """Return the events: the text's pieces, each call's arguments in two halves, then the reason and the usage."""
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": piece} for piece in _pieces(self.text)]
        for index, call in enumerate(self.tool_calls):
            arguments = call.sent_arguments
            half = len(arguments) // 2
            deltas.append({"tool_calls": [{"index": index, **_tool_call(call, arguments[:half])}]})
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": arguments[half:]}}]})
        envelope = _envelope(request, "chat.completion.chunk")
        chunks = [{**envelope, "choices": [_choice(delta, None)]} for delta in deltas]
        chunks.append({**envelope, "choices": [_choice({}, self._finish_reason)]})
        if request.body.get("stream_options", {}).get("include_usage"):
            chunks.append({**envelope, "choices": [], "usage": self._usage})
        return chunks


@dataclass(frozen=True, slots=True)
class Failure:
    """An error in the protocol's shape. `retry_after` is in seconds and may be a fraction."""

    status: int
    message: str
    code: str | None = None
    retry_after: float | None = None

    async def respond(self, http: web.Request, request: ChatRequest) -> web.StreamResponse:
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return _error(self.status, self.message, self.code, headers)


class ChatCompletionsServer:
    """The server, on a port of the loopback interface, by default a free one, while the `with` block lasts.

    In an `async with` it runs on the event loop of the test, in a `with` on one in a thread of its own.
    """

    def __init__(self, *, api_key: str = "test-key", model: str = "test-model", port: int = 0) -> None:
        self.api_key = api_key
        self.model = model
        self.models = {model}
        self._port = port
        self.requests: list[ChatRequest] = []
        self._steps: deque[Step] = deque()
        self._choose: Callable[[ChatRequest], Step] | None = None
        self._open = ExitStack()
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._handle)
        app.router.add_post("/openai/deployments/{deployment}/chat/completions", self._handle_azure)
        self._runner = web.AppRunner(app, shutdown_timeout=1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            loop = stack.enter_context(_loop_in_a_thread())
            asyncio.run_coroutine_threadsafe(self.__aenter__(), loop).result()
            stack.callback(lambda: asyncio.run_coroutine_threadsafe(self._runner.cleanup(), loop).result())
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def base_url(self) -> str:
        """The value for OPENAI_BASE_URL."""
        host, port = self._runner.addresses[0]
        return f"http://{host}:{port}/v1"

    @property
    def settings(self) -> dict[str, str]:
        """The settings of an app whose model is at this server."""
        provider = {"MODEL_PROVIDER": "openai", "OPENAI_API_KEY": self.api_key}
        return {**provider, "OPENAI_MODEL": self.model, "OPENAI_BASE_URL": self.base_url}

    @property
    def azure_endpoint(self) -> str:
        """The value for AZURE_OPENAI_ENDPOINT: `models` are the names of its deployments, `api_key` is the token."""
        return self.base_url.removesuffix("/v1")

    @property
    def connections(self) -> int:
        """How many clients are connected. When none is, `requests` has all that a killed process has sent."""
        return 0 if self._runner.server is None else len(self._runner.server.connections)

    @property
    def unused_steps(self) -> int:
        """How many scripted steps no request has asked for yet."""
        return len(self._steps)

    def forget(self) -> None:
        """Drop the steps no request has asked for."""
        self._steps.clear()

    def script(self, *steps: Step) -> None:
        """Append steps; each accepted request takes the next one."""
        self._steps.extend(steps)

    def answer_by(self, choose: Callable[[ChatRequest], Step]) -> None:
        """Let `choose` say which step an accepted request takes when no scripted one is left."""
        self._choose = choose

    async def _handle_azure(self, http: web.Request) -> web.StreamResponse:
        if not http.query.get("api-version"):
            return _error(404, "Resource not found", "404")
        if http.match_info["deployment"] not in self.models:
            return _error(404, "The API deployment for this resource does not exist.", "DeploymentNotFound")
        return await self._handle(http)

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        if http.headers.get("Authorization") != f"Bearer {self.api_key}":
            return _error(401, "Incorrect API key provided.", "invalid_api_key")
        body = await http.json()
        if body.get("model") not in self.models:
            return _error(404, f"The model {body.get('model')!r} does not exist.", "model_not_found")
        problem = _violation(body)
        if problem is not None:
            return _error(400, problem, "invalid_request")
        request = ChatRequest(body, http.headers.copy())
        if self._steps:
            step = self._steps.popleft()
        elif self._choose is not None:
            step = self._choose(request)
        else:
            return _error(400, "The test has no step left for this request.", "script_exhausted")
        self.requests.append(request)
        return await step.respond(http, request)


@contextmanager
def _loop_in_a_thread() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _texts(messages: Sequence[Mapping[str, Any]], role: str) -> list[str]:
    """Return the texts of the messages of a role; the content of one is a text or a list of parts."""
    contents = [message["content"] for message in messages if message["role"] == role]
    return [
        content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)
        for content in contents
    ]


def _violation(body: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a request by the rules of the protocol, or None."""
    messages = body.get("messages")
    if not messages:
        return "'messages' must not be empty."
    open_calls: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return f"The tool message {message['tool_call_id']!r} answers no call of the message before it."
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            return f"The tool calls {sorted(open_calls)} have no answers."
        else:
            open_calls = {call["id"] for call in message.get("tool_calls", ())}
    if open_calls:
        return f"The tool calls {sorted(open_calls)} have no answers."
    response_format = body.get("response_format", {"type": "text"})
    if response_format["type"] == "json_schema":
        return _strictness(response_format["json_schema"].get("name") or "", response_format["json_schema"]["schema"])
    return None


def _strictness(path: str, schema: Mapping[str, Any]) -> str | None:
    """Return where a schema breaks the rules of strict structured output: closed objects, all properties required."""
    if not path:
        return "'response_format.json_schema.name' is missing."
    if "properties" in schema:
        if schema.get("additionalProperties") is not False:
            return f"{path}: 'additionalProperties' must be false."
        if set(schema.get("required", ())) != set(schema["properties"]):
            return f"{path}: 'required' must name every property."
    nested = {**schema.get("properties", {}), **schema.get("$defs", {})}
    found = (_strictness(f"{path}.{name}", subschema) for name, subschema in nested.items())
    return next((problem for problem in found if problem is not None), None)


def _pieces(text: str) -> list[str]:
    """Return the words one by one, each followed by its blank; several in one piece where the text is long."""
    words = text.split(" ") if text else []
    size = 1 + len(words) // _MOST_PIECES
    pieces = [" ".join(words[start : start + size]) for start in range(0, len(words), size)]
    return [part for piece in pieces for part in (piece, " ")][:-1]


def _envelope(request: ChatRequest, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": CREATED, "model": request.body["model"]}


def _choice(delta: Mapping[str, Any], finish_reason: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}


def _tool_call(call: ToolCall, arguments: str) -> dict[str, Any]:
    return {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _error(status: int, message: str, code: str | None, headers: Mapping[str, str] | None = None) -> web.Response:
    error = {"message": message, "type": "error", "param": None, "code": code}
    return web.json_response({"error": error}, status=status, headers=headers)
