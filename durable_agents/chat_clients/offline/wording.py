"""What the offline model fills answers and the arguments of tools with: words of the conversation.

A text comes from anybody, so every expression here looks at each of its characters a limited number of times.
"""

import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from durable_agents.chat_clients.offline.conversation import MARK, Conversation, excerpt

# Two different signs make a text spam, and each further one makes it surer. English only.
_SIGN_OF_SPAM = re.compile(
    r"(?<!\w)(?:(?:you|you've|you have) (?:been selected|won)|winners?|prizes?|lotter(?:y|ies)|jackpot|inheritance|"
    r"millions? (?:dollars|euros|pounds)|click (?:here|below|this link|the link)|act (?:now|fast|immediately)|"
    r"limited[- ]time|urgent|wire transfer|bank (?:details|account)|credit card (?:details|number)|gift cards?|"
    r"bitcoins?|crypto(?:currency)?|risk[- ]free|guaranteed|free (?:money|gift|iphone)|claim (?:your|it|now)|"
    r"congratulations|verify your (?:account|identity|password)|double your (?:money|income|investment)|"
    r"your account (?:has been|is|was|will be) (?:suspended|locked|limited|closed))(?!\w)"
)
_CONFIDENCE = (0.95, 0.6, 0.7, 0.85, 0.95)
_SHORT_NAMES = {"title", "subject", "headline", "name", "label", "topic", "summary", "heading"}
_PREPOSITION = re.compile(r"\b(?:in|for|of|about|on|to|at|named|called)\s+", re.IGNORECASE)
FORMATS = {"date": "2025-01-01", "date-time": "2025-01-01T09:00:00Z", "time": "09:00:00", "duration": "PT1H"}
FORMATS |= {"email": "someone@example.com", "uri": "https://example.com/"}


class Place(NamedTuple):
    """Where a value belongs: the dotted path and the name of its field, and its position in the nearest list."""

    path: str = ""
    name: str = ""
    position: int = 0


class Wording:
    """Values for a structured answer: free text is marked as offline, and if it is `about_spam`, names the signs."""

    def __init__(self, conversation: Conversation, about_spam: bool = False) -> None:
        self._conversation = conversation
        self._about_spam = about_spam
        self._latest = conversation.user_texts[-1]
        stripped = (word.strip(".,;:!?()[]{}<>\"'") for word in self._latest.split())
        self.words = [word for word in dict.fromkeys(stripped) if word]
        plain = " ".join(self._latest.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())
        self._signs = list({sign.removesuffix("s"): sign for sign in _SIGN_OF_SPAM.findall(plain)}.values())

    def text(self, place: Place) -> str:
        """Return free text of any length."""
        if place.position:
            sentences = [part for part in re.split(r"(?<=[.!?])\s+|\n+", self._latest) if part.strip()] or ["(no text)"]
            sentence = excerpt(sentences[place.position % len(sentences)], 120)
            return f"{MARK} {place.name} {place.position + 1}: {sentence}"
        labelled = self._labelled(place.name)
        if labelled or place.name in _SHORT_NAMES:
            return f"{MARK} {labelled or excerpt(self._latest, 60)}"
        signs = f" Signs of spam: {', '.join(self._signs) or 'none'}." if self._about_spam else ""
        return MARK + signs + self._conversation.describe().removeprefix(MARK)

    def formatted(self, name: str, place: Place) -> Iterator[str]:
        """Yield texts in a JSON schema format, if it is a known one: dates of the text, then an example."""
        if name.startswith("uuid"):
            seed = f"{self._conversation.fingerprint}/{place.path}/{place.position}"
            yield str(uuid.UUID(bytes=uuid.uuid5(uuid.NAMESPACE_OID, seed).bytes, version=4))
        if name in FORMATS:
            shape = re.sub(r"\d", "0", FORMATS[name])
            for word in self.words:
                with suppress(ValueError):
                    if re.sub(r"\d", "0", word) == shape and datetime.fromisoformat(word):
                        yield word
            yield FORMATS[name]

    def numbers(self, place: Place) -> Iterator[float]:
        """Yield numbers for a field, the most fitting first."""
        if place.name == "confidence":
            yield _CONFIDENCE[min(len(self._signs), 4)]
        found = re.findall(r"(?<![\w.-])-?[0-9]{1,15}(?:\.[0-9]{1,15})?(?![\w-])", self._latest)
        yield from map(float, found[place.position : place.position + 1])
        yield from (place.position + 1, 0)

    def flag(self, place: Place) -> bool:
        """Answer a yes-or-no field: `is_spam` by the signs of spam, any other by whether the text has its words."""
        snake_case = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", place.name).lower()
        topic = re.sub(r"\A(?:is|has|looks|seems|needs|contains)_", "", snake_case)
        return len(self._signs) > 1 if topic == "spam" else self._mentions(topic)

    def ranked(self, options: Sequence[Any], place: Place) -> Sequence[Any]:
        """Return the options of an enum, the mentioned ones first; each item of a list begins with the next."""
        ranked = sorted(options, key=lambda option: not self._mentions(str(option)))
        return [ranked[(place.position + n) % len(ranked)] for n in range(len(ranked))]

    def _mentions(self, phrase: str) -> bool:
        said = " ".join(self._latest.lower().split())
        return re.search(rf"\b{re.escape(phrase.lower().replace('_', ' '))}\b", said) is not None

    def _labelled(self, name: str) -> str | None:
        """Return the rest of a line `Name: ...` of the text."""
        label = re.escape(name.replace("_", " "))
        found = re.search(rf"^{label}:[ \t]*(\S.*)$", self._latest, re.IGNORECASE | re.MULTILINE) if name else None
        return found.group(1).strip() if found else None


class ArgumentWording(Wording):
    """Values for the arguments of a tool: taken over from the user's text as they stand, without a mark."""

    def text(self, place: Place) -> str:
        """Return what is labelled, a word with a digit for an identifier, a quotation, or what follows "in" or "of"."""
        is_identifier = re.search(r"(?:\A|_)(?:id|number|code|key|sku)\Z", place.name)
        codes = [word for word in self.words if is_identifier and any(char.isdigit() for char in word)]
        quotations = re.split('["\u201c\u201d]', self._latest)[1:-1]
        rests = [rest for line in self._latest.splitlines() for rest in reversed(_PREPOSITION.split(line)[1:])]
        ends = [re.split(r"[.?!]", rest, maxsplit=1)[0].strip(" \t,;:-\"'()") for rest in rests]
        found = (self._labelled(place.name), *codes, *quotations, *ends, " ".join(self._latest.split()))
        return next((text.strip() for text in found if text and text.strip()), "")
