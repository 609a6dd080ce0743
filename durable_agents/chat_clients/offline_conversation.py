"""What the offline model sees of a conversation: who asked what, what tools answered, how long it all is."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from agent_framework import Content, Message
from agent_framework.exceptions import ChatClientInvalidRequestException

MARK = "[offline model]"
_CHARACTERS_PER_TOKEN = 4
# More of a text is counted, but not read.
_MOST_CHARACTERS = 50_000


@dataclass(frozen=True, slots=True)
class Conversation:
    """The user's texts, oldest first, and the results of the tools that were called for the last of them."""

    user_texts: tuple[str, ...]
    tool_results: tuple[str, ...]
    fingerprint: str

    @classmethod
    def from_messages(cls, messages: Sequence[Message], instructions: str) -> Self:
        """Read the messages of a request; without any from a user, all but the system's count as the user's.

        Raises:
            ChatClientInvalidRequestException: There is no message to answer.
        """
        asked = [m for m in messages if _is_question(m)] or [m for m in messages if m.role != "system"]
        if not asked:
            raise ChatClientInvalidRequestException("The offline model got no message to answer. Send at least one.")
        last = max(index for index, message in enumerate(messages) if message is asked[-1])
        results = [c for m in messages[last:] for c in m.contents if c.type == "function_result"]
        return cls(
            user_texts=tuple(m.text[:_MOST_CHARACTERS].replace(MARK, "").strip() for m in asked),
            tool_results=tuple(content_text(result)[:_MOST_CHARACTERS] for result in results),
            fingerprint=_fingerprint(messages, instructions),
        )

    @property
    def turn(self) -> int:
        """The number of the turn that is being answered, from 1."""
        return len(self.user_texts)

    @property
    def latest(self) -> str:
        """The text to answer."""
        return self.user_texts[-1]


def _is_question(message: Message) -> bool:
    """Tell a message of the user from one that only carries the decision about a tool call."""
    return message.role == "user" and any(c.type != "function_approval_response" for c in message.contents)


def content_text(content: Content) -> str:
    """Return what a model would read of one content: its text, the call of a tool, or the tool's result."""
    if content.type == "function_call":
        return f"{content.name}({content.arguments})"
    if content.type == "function_result":
        return str(content.result)
    return content.text or ""


def count_tokens(text: str) -> int:
    """Return the tokens of a text by the rule of this model: one for every four characters begun."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def excerpt(text: str, limit: int) -> str:
    """Return the text on one line, cut at a word to at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else re.sub(r"\s*\S*\Z", "", line[: limit - 3]) + "..."


def _fingerprint(messages: Sequence[Message], instructions: str) -> str:
    digest = hashlib.sha256(instructions.encode())
    for message in messages:
        for content in message.contents:
            digest.update(f"\0{message.role}\0{content.type}\0{content_text(content)}".encode())
    return digest.hexdigest()[:16]
