"""What the offline model sees of a conversation: who asked what, and what the tools answered."""

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple, Self

from agent_framework import Content, Message
from agent_framework.exceptions import ChatClientInvalidRequestException

MARK = "[offline model]"
# More of a text is counted, but not read.
_MOST_CHARACTERS = 50_000


class Conversation(NamedTuple):
    """The user's texts, oldest first, and the results of the tools that were called for the last of them."""

    user_texts: tuple[str, ...]
    tool_results: tuple[str, ...]
    fingerprint: str

    @classmethod
    def from_messages(cls, messages: Sequence[Message], instructions: str) -> Self:
        """Read the messages of a request; without any from a user, all but the system's count as the user's."""
        # A message that only carries the decision about a tool call asks nothing.
        said = [m for m in messages if any(c.type != "function_approval_response" for c in m.contents)]
        asked = [m for m in said if m.role == "user"] or [m for m in messages if m.role != "system"]
        if not asked:
            raise ChatClientInvalidRequestException("The offline model got no message to answer. Send at least one.")
        last = max(index for index, message in enumerate(messages) if message is asked[-1])
        results = [c for m in messages[last:] for c in m.contents if c.type == "function_result"]
        told = [f"\0{m.role}\0{c.type}\0{content_text(c)}" for m in messages for c in m.contents]
        return cls(
            user_texts=tuple(m.text[:_MOST_CHARACTERS].replace(MARK, "").strip() for m in asked),
            tool_results=tuple(content_text(result)[:_MOST_CHARACTERS] for result in results),
            fingerprint=hashlib.sha256("".join([instructions, *told]).encode()).hexdigest()[:16],
        )

    def describe(self) -> str:
        """Return the answer in prose: the turn, what was said now and before, and what the tools answered."""
        *earlier, latest = self.user_texts
        said = [("you wrote", latest), *(("a tool answered", result) for result in self.tool_results)]
        said += [("before that you wrote", text) for text in earlier[-1:]]
        said += [("at first you wrote", text) for text in earlier[:-1][:1]]
        parts = [f"{how}: " + (f'"{excerpt(text, 300)}"' if text else "(no text)") for how, text in said]
        return "; ".join([f"{MARK} Turn {len(self.user_texts)} of this conversation", *parts])


def content_text(content: Content) -> str:
    """Return what a model would read of one content: its text, the call of a tool, or the tool's result."""
    if content.type == "function_call":
        return f"{content.name}({content.arguments})"
    return str(content.result) if content.type == "function_result" else content.text or ""


def excerpt(text: str, limit: int) -> str:
    """Return the text on one line, cut at a word to at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else re.sub(r"\s*\S*\Z", "", line[: limit - 3]) + "..."
