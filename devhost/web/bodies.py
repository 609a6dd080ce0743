"""Bodies of management requests and of the answers to them."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from devhost.web import payloads
from devhost.web.json_reading import UnreadableJsonError, read_json

ODD = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")
"""What neither the key of an entity nor, here, an instance id may hold."""

json_response = web.json_response


class UnreadableBodyError(Exception):
    """A request's body is no text, or no JSON; `answer` is the body to answer with."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.answer = payloads.exception("Invalid JSON content", "Newtonsoft.Json.JsonReaderException", fault)


async def read_text(request: web.Request) -> str:
    """Return the body as text.

    Raises:
        UnreadableBodyError: It is no UTF-8.
    """
    try:
        return (await request.read()).decode()
    except UnicodeDecodeError as ex:
        raise UnreadableBodyError(f"The body is not UTF-8 text: {ex}") from ex


def parse(text: str) -> Any:
    """Return the value of a body.

    Raises:
        UnreadableBodyError: It is no JSON that can be stored.
    """
    try:
        return read_json(text)
    except UnreadableJsonError as ex:
        raise UnreadableBodyError(str(ex)) from ex
