"""Where the offline model takes the values of structured answers and of tool arguments from: the conversation.

A text comes from anybody. So every expression here looks at each of its characters a limited number of times: what may
be long is not tried again from the next character, and what is tried from each is short.
"""

import re
import uuid
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from durable_agents.chat_clients.offline_conversation import MARK, Conversation, excerpt
from durable_agents.chat_clients.offline_judgement import Judgement, judge
from durable_agents.chat_clients.offline_schema import Field, ValueSource

_CONFIDENCE_NAMES = {"confidence", "certainty", "probability"}
_SHORT_NAMES = {"title", "subject", "headline", "name", "label", "topic", "summary", "heading"}
_PREPOSITION = re.compile(r"\b(?:in|for|of|about|on|to|at|named|called)\s+", re.IGNORECASE)
_REST_OF_SENTENCE = re.compile(r"[^.?!]*")
# For each format: what to look for in the conversation, the value if there is none, and a check of what is found.
_FORMATS: dict[str, tuple[str, str, Callable[[str], object]]] = {
    "date": (r"\d{4}-\d{2}-\d{2}", "2025-01-01", date.fromisoformat),
    "date-time": (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", "2025-01-01T09:00:00Z", datetime.fromisoformat),
    "time": (r"\d{2}:\d{2}:\d{2}", "09:00:00", time.fromisoformat),
    "duration": (r"PT\d{1,4}[HM]", "PT1H", str),
    "email": (r"[a-z0-9]+(?:[.+-][a-z0-9]+)*@[a-z0-9]+(?:[.-][a-z0-9]+)*\.[a-z]{2,6}", "someone@example.com", str),
    "uri": (r"https?://[a-z0-9]+(?:[.-][a-z0-9]+)*(?:/[\w/-]*)?", "https://example.com/", str),
    "ipv4": (r"(?:\d{1,3}\.){3}\d{1,3}", "192.0.2.1", IPv4Address),
    "ipv6": (r"[0-9a-f:]{2,39}", "2001:db8::1", IPv6Address),
}


class AnswerValues(ValueSource):
    """Values for a structured answer: free text carries the offline mark and says what it was made from."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def text(self, field: Field) -> str:
        latest = self._conversation.latest
        if field.index:
            return f"{MARK} {field.name} {field.index + 1}: {_sentence(latest, field.index)}"
        labelled = _labelled(field.name, latest)
        if labelled is not None:
            return f"{MARK} {labelled}"
        if field.name in _SHORT_NAMES:
            return f"{MARK} {excerpt(latest, 60)}"
        prose = describe(self._conversation)
        signs = _signs(self._judgements(field))
        return f"{MARK} {signs}. {prose.removeprefix(MARK).lstrip()}" if signs else prose

    def words(self) -> Sequence[str]:
        return _words(self._conversation.latest)

    def formatted(self, format_name: str, field: Field) -> str | None:
        return _formatted(format_name, field, self._conversation)

    def number(self, field: Field) -> float | None:
        if field.name in _CONFIDENCE_NAMES:
            judgements = self._judgements(field)
            return judgements[0].confidence if judgements else 0.5
        return _number(self._conversation.latest, field.index)

    def flag(self, field: Field) -> bool:
        judgement = judge(field.name, self._conversation.latest)
        return judgement is not None and judgement.verdict

    def ranked(self, options: Sequence[Any], field: Field) -> Sequence[Any]:
        return _ranked(options, self._conversation.latest)

    def _judgements(self, field: Field) -> list[Judgement]:
        judged = (judge(name, self._conversation.latest) for name in field.siblings)
        return [judgement for judgement in judged if judgement is not None]


class ArgumentValues(AnswerValues):
    """Values for the arguments of a tool: taken over from the user's text as they stand, without a mark."""

    def text(self, field: Field) -> str:
        latest = self._conversation.latest
        found = (
            _labelled(field.name, latest) or _code(field.name, latest) or _quoted(latest) or _after_preposition(latest)
        )
        return found or " ".join(latest.split())


def describe(conversation: Conversation) -> str:
    """Return the answer in prose: the turn, what was said now and before, and what the tools answered."""
    parts = [f"{MARK} Turn {conversation.turn} of this conversation", f"you wrote: {_quote(conversation.latest)}"]
    parts += [f"a tool answered: {_quote(result)}" for result in conversation.tool_results]
    if conversation.turn > 1:
        parts.append(f"before that you wrote: {_quote(conversation.user_texts[-2])}")
    if conversation.turn > 2:
        parts.append(f"at first you wrote: {_quote(conversation.user_texts[0])}")
    return "; ".join(parts)


def _quote(text: str) -> str:
    return f'"{excerpt(text, 300)}"' if text else "(no text)"


def _signs(judgements: Sequence[Judgement]) -> str:
    return "; ".join(f"Signs of {found.topic}: {', '.join(found.signs) or 'none'}" for found in judgements)


def _labelled(name: str, text: str) -> str | None:
    """Return the rest of a line `Name: ...` of the text."""
    label = re.escape(name.replace("_", " "))
    found = re.search(rf"^{label}:[ \t]*(\S.*)$", text, re.IGNORECASE | re.MULTILINE) if name else None
    return found.group(1).strip() if found else None


def _code(name: str, text: str) -> str | None:
    """Return the first word with a digit in it, for a field that is named like an identifier."""
    if not re.search(r"(?:\A|_)(?:id|number|code|key|sku)\Z", name):
        return None
    return next((word for word in _words(text) if any(char.isdigit() for char in word)), None)


def _quoted(text: str) -> str | None:
    """Return the first text in straight quotes, else in curly ones."""
    straight = next(filter(None, text.split('"')[1:-1]), None)
    if straight is not None:
        return straight.strip()
    pieces = (piece.partition("\u201d") for piece in text.split("\u201c")[1:])
    return next((quoted.strip() for quoted, end, _ in pieces if quoted and end), None)


def _after_preposition(text: str) -> str | None:
    """Return what follows the last preposition of the first line that has one: "weather in Paris?" gives Paris."""
    for line in text.splitlines():
        for preposition in reversed(list(_PREPOSITION.finditer(line))):
            place = _to_last_word(line, preposition.end())
            if place:
                return place
    return None


def _to_last_word(line: str, start: int) -> str:
    """Return the rest of the sentence from `start` up to its last word."""
    rest = _REST_OF_SENTENCE.match(line, start)
    text = rest.group() if rest is not None else ""
    end = len(text)
    while end > 0 and not (text[end - 1].isalnum() or text[end - 1] == "_"):
        end -= 1
    return text[:end]


def _sentence(text: str, index: int) -> str:
    sentences = [part for part in re.split(r"(?<=[.!?])\s+|\n+", text) if part.strip()] or ["(no text)"]
    return excerpt(sentences[index % len(sentences)], 120)


def _words(text: str) -> list[str]:
    return [word for raw in text.split() if (word := raw.strip(".,;:!?()[]{}<>\"'"))]


def _formatted(format_name: str, field: Field, conversation: Conversation) -> str | None:
    if format_name in ("uuid", "uuid4"):
        name = f"{conversation.fingerprint}/{field}/{field.index}"
        return str(uuid.UUID(bytes=uuid.uuid5(uuid.NAMESPACE_OID, name).bytes, version=4))
    if format_name not in _FORMATS:
        return None
    expression, fallback, check = _FORMATS[format_name]
    found = re.findall(rf"(?<![\w.+-]){expression}(?!\w)", conversation.latest, re.ASCII)
    valid = [text for text in found if _passes(check, text)]
    return valid[field.index % len(valid)] if valid else fallback


def _passes(check: Callable[[str], object], text: str) -> bool:
    try:
        check(text)
    except ValueError:
        return False
    return True


def _number(text: str, index: int) -> float | None:
    numbers = re.findall(r"(?<![\w.-])-?[0-9]{1,15}(?:\.[0-9]{1,15})?(?![\w-])", text)
    return float(numbers[index]) if index < len(numbers) else None


def _ranked(options: Sequence[Any], text: str) -> list[Any]:
    """Put the options that the text mentions first, in the order of the schema; the others follow."""
    spoken = " ".join(_words(text.lower()))
    names = [str(option).lower().replace("_", " ") for option in options]
    mentioned = [bool(re.search(rf"\b{re.escape(name)}\b", spoken)) for name in names]
    return [
        option for wanted in (True, False) for option, said in zip(options, mentioned, strict=True) if said is wanted
    ]
