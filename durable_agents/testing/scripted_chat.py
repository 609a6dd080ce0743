"""A model that plays a script, so that a test says what an agent's model answers and sees what it was asked."""

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from agent_framework import (
    BaseChatClient,
    ChatMiddlewareLayer,
    ChatOptions,
    ChatResponse,
    ChatResponseUpdate,
    Content,
    FunctionInvocationLayer,
    FunctionTool,
    Message,
    ResponseStream,
    UsageDetails,
)
from pydantic import BaseModel
from pydantic_core import to_json

USAGE = UsageDetails(input_token_count=10, output_token_count=5, total_token_count=15)


class ScriptError(AssertionError):
    """The model was asked more than its script has, or something else."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What `call_tool` returns."""

    name: str
    arguments: dict[str, Any]


Part: TypeAlias = str | BaseModel | ToolCall | Content | Exception


@dataclass(frozen=True, slots=True)
class Asked:
    """What `asked` returns."""

    question: str
    answer: tuple[Part, ...]


ScriptStep: TypeAlias = Part | Sequence[Part] | Asked


def call_tool(name: str, /, **arguments: Any) -> ToolCall:
    """Answer with the call of a tool that the agent has."""
    return ToolCall(name, arguments)


def asked(question: str, *answer: Part) -> Asked:
    """Answer only when what is new to the model, a message or the result of a tool, has this text in it."""
    return Asked(question, answer)


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What the model was asked in one call: the whole conversation, and the options, such as `response_format`."""

    messages: list[Message]
    options: Mapping[str, Any]

    @property
    def text(self) -> str:
        """What is new: the messages and results of tools since the model's last answer."""
        answers = [number for number, message in enumerate(self.messages) if message.role == "assistant"]
        new = self.messages[answers[-1] + 1 :] if answers else self.messages
        return "\n".join(_text_of(content) for message in new for content in message.contents)

    @property
    def tools(self) -> list[str]:
        """The names of the tools that the model may call."""
        return [tool.name for tool in self.options.get("tools") or () if isinstance(tool, FunctionTool)]


class ScriptedChatClient(
    FunctionInvocationLayer[ChatOptions[Any]], ChatMiddlewareLayer[ChatOptions[Any]], BaseChatClient[ChatOptions[Any]]
):
    """A chat client whose model takes one step of a script each time it is called.

    A step is a text, an instance of the agent's `response_format`, a `call_tool(...)`, or an exception with which the
    call fails. A sequence of them is one answer in several pieces, which breaks off where an exception stands.
    `asked(question, ...)` checks first what the model is asked.

    A call beyond the script, or another than scripted, raises a `ScriptError`. An app turns that into the failure of a
    run; `check_finished()` raises it again in the test. `requests` holds what the model was asked.
    """

    def __init__(self, *steps: ScriptStep) -> None:
        super().__init__()
        self.steps = list(steps)
        self.requests: list[ModelRequest] = []
        self._errors: list[ScriptError] = []
        self._calls = 0

    def check_finished(self) -> None:
        """Fail unless the model was asked all that is scripted, and nothing else.

        Raises:
            ScriptError: It was not.
        """
        if self._errors:
            raise self._errors[0]
        if self.steps:
            raise ScriptError(
                f"The model was asked {_times(len(self.requests))}, and its script goes on with {self.steps[0]!r}."
            )

    def _inner_get_response(
        self, *, messages: Sequence[Message], stream: bool, options: Mapping[str, Any], **kwargs: Any
    ) -> Awaitable[ChatResponse[Any]] | ResponseStream[ChatResponseUpdate, ChatResponse[Any]]:
        request = ModelRequest(list(messages), dict(options))
        self.requests.append(request)
        updates = self._stream(self._next_answer(request))
        answer = self._build_response_stream(updates, response_format=options.get("response_format"))
        return answer if stream else answer.get_final_response()

    def _next_answer(self, request: ModelRequest) -> tuple[Part, ...]:
        """Return the parts of the next step; what does not fit the script is an answer that fails."""
        if not self.steps:
            before = _times(len(self.requests) - 1)
            return self._refuse(f"The script of the model ends after it was asked {before}", request)
        step = self.steps.pop(0)
        if isinstance(step, Asked) and step.question not in request.text:
            return self._refuse(f"The script of the model expects to be asked {step.question!r}", request)
        answer = _parts_of(step)
        unknown = [part.name for part in answer if isinstance(part, ToolCall) and part.name not in request.tools]
        if unknown:
            known = ", ".join(request.tools) or "none"
            return self._refuse(f"The script of the model calls the tool {unknown[0]!r} (there are: {known})", request)
        return answer

    def _refuse(self, problem: str, request: ModelRequest) -> tuple[Part, ...]:
        error = ScriptError(f"{problem}, and it is asked {request.text!r}.")
        self._errors.append(error)
        return (error,)

    async def _stream(self, answer: Sequence[Part]) -> AsyncIterator[ChatResponseUpdate]:
        contents = []
        for part in answer:
            if isinstance(part, Exception):
                raise part
            contents.append(self._content_of(part))
            yield ChatResponseUpdate(contents=contents[-1:], role="assistant", message_id="m")
        yield ChatResponseUpdate(
            contents=[Content.from_usage(USAGE)],
            role="assistant",
            message_id="m",
            finish_reason="tool_calls" if any(content.type == "function_call" for content in contents) else "stop",
        )

    def _content_of(self, part: str | BaseModel | ToolCall | Content) -> Content:
        match part:
            case str():
                return Content.from_text(part)
            case BaseModel():
                return Content.from_text(part.model_dump_json())
            case ToolCall():
                self._calls += 1
                return Content.from_function_call(
                    f"call-{self._calls}", part.name, arguments=to_json(part.arguments).decode()
                )
        return part


def _parts_of(step: ScriptStep) -> tuple[Part, ...]:
    if isinstance(step, Asked):
        return step.answer
    if isinstance(step, Sequence) and not isinstance(step, str):
        return tuple(step)
    return (step,)


def _text_of(content: Content) -> str:
    return str(content.result) if content.type == "function_result" else content.text or ""


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
