"""The offline model behind the chat completions protocol, without a socket: a transport for its clients."""

import json
import time
from collections.abc import Mapping
from typing import Any

import httpx2
from agent_framework import Content, FunctionTool, Message
from agent_framework.exceptions import ChatClientInvalidRequestException

from durable_agents.chat_clients.offline.reply import Reply, compose_reply


class OfflineTransport(httpx2.BaseTransport):
    """Answers `POST .../chat/completions` as the offline model does, after so many seconds; all else is an error.

    It does not stream, and reads texts and tools only.
    """

    def __init__(self, latency_seconds: float = 0.0) -> None:
        self._latency_seconds = latency_seconds

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        if not request.url.path.endswith("/chat/completions"):
            return _error(404, f"The offline model has no {request.url.path}, but chat completions only.")
        body = json.loads(request.read())
        if body.get("stream"):
            return _error(400, "The offline model does not stream to this client. Leave out `stream`.")
        time.sleep(self._latency_seconds)
        try:
            reply = compose_reply([_to_message(message) for message in body["messages"]], _to_options(body))
        except ChatClientInvalidRequestException as error:
            return _error(400, str(error))
        return httpx2.Response(200, json=_completion(reply))


def _to_message(message: Mapping[str, Any]) -> Message:
    text = message.get("content") or ""
    if not isinstance(text, str):
        text = "".join(part.get("text", "") for part in text)
    if message["role"] == "tool":
        return Message("tool", [Content.from_function_result(message["tool_call_id"], result=text)])
    calls = [(call["id"], call["function"]) for call in message.get("tool_calls") or ()]
    contents = [Content.from_function_call(number, one["name"], arguments=one["arguments"]) for number, one in calls]
    return Message(message["role"], [*([Content.from_text(text)] if text else []), *contents])


def _to_options(body: Mapping[str, Any]) -> dict[str, Any]:
    functions = [tool["function"] for tool in body.get("tools") or ()]
    tools = [
        FunctionTool(
            name=function["name"],
            description=function.get("description") or "",
            input_model=function.get("parameters") or {"type": "object", "properties": {}},
        )
        for function in functions
    ]
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        choice = {"mode": "required", "required_function_name": choice["function"]["name"]}
    return {"tools": tools, "tool_choice": choice, "response_format": body.get("response_format")}


def _completion(reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text if reply.tool_name is None else None}
    if reply.tool_name is not None:
        function = {"name": reply.tool_name, "arguments": reply.text}
        message["tool_calls"] = [{"id": f"call-{reply.reply_id}", "type": "function", "function": function}]
    finish_reason = "stop" if reply.tool_name is None else "tool_calls"
    usage = {
        "prompt_tokens": reply.usage["input_token_count"],
        "completion_tokens": reply.usage["output_token_count"],
        "total_tokens": reply.usage["total_token_count"],
    }
    choice = {"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": None}
    kind = {"id": reply.reply_id, "object": "chat.completion", "created": int(time.time()), "model": "offline"}
    return {**kind, "choices": [choice], "usage": usage}


def _error(status: int, message: str) -> httpx2.Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return httpx2.Response(status, json={"error": error})
