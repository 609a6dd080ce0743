"""Headers of e-mail: decoded, then checked, then written in the one form that every reader takes for the same.

What comes in may hold encoded words (RFC 2047), which stand for any text, line breaks and further addresses included.
So nothing is checked before it is decoded, again and again until no encoded word is left; and what is written is
printable ASCII, put together here and not by Python's e-mail package, whose versions decode and encode differently.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from durable_agents.characters.invisible import is_invisible

_MOST_LINE_CHARACTERS = 1_000
_MOST_NAME_CHARACTERS = 200
_MOST_ADDRESS_CHARACTERS = 254
_PLAIN_LINE_CHARACTERS = 60
_ENCODED_WORD_BYTES = 45

# Wider than RFC 2047: whatever any reader may take for an encoded word.
_ENCODED_WORD = re.compile(r"=\?([^?]*)\?([^?]*)\?(.*?)\?=", re.DOTALL)
_BETWEEN_WORDS = re.compile(r"(?<=\?=)\s+(?==\?)")
# No question mark: without one, nothing in an address can be read as an encoded word.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
_QUOTES = re.compile(r'["\\]')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_NAMED_ADDRESS = re.compile(rf'((?:{_QUOTED.pattern}|[^"\\,;:@<>])*)<([^<>]*)>', re.DOTALL)
_PLAIN_NAME = re.compile(r"[^\"\\,;:@<>]*")
_MESSAGE_ID = re.compile(r"[!-~]{1,900}")
_BULK = frozenset({"bulk", "junk", "list"})


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Whose address it is, in one printable line that may be empty, and the address, in ASCII."""

    name: str
    address: str

    def __str__(self) -> str:
        if not self.name:
            return self.address
        name = self.name if _PLAIN_NAME.fullmatch(self.name) else f'"{self.name}"'
        return f"{name} <{self.address}>"


def read_mailbox(text: str) -> Mailbox:
    """Return the one mailbox that the text names, such as `ada@example.com` or `Ada <ada@example.com>`.

    Raises:
        ValueError: It names none, or more than one, or has other characters in the address than ASCII.
    """
    text = text.strip()
    named = _NAMED_ADDRESS.fullmatch(text)
    name, address = (named[1], named[3]) if named else ("", text)
    if _ADDRESS.fullmatch(address) is None or len(address) > _MOST_ADDRESS_CHARACTERS:
        raise ValueError("must be one e-mail address in ASCII, such as 'ada@example.com' or 'Ada <ada@example.com>'")
    # What was quoted is written in quotes of our own: there is none left inside.
    while _QUOTES.search(name := read_line(name)):
        name = _QUOTES.sub("", name)
    return Mailbox(_cut(name, _MOST_NAME_CHARACTERS), address)


def read_line(text: str) -> str:
    """Return the text of a header, decoded, as one line of printable characters without an encoded word in it.

    Some readers take the mere beginning of one, `=?`, for an encoded word: what is left of these is taken apart.
    """
    text = text[: 4 * _MOST_LINE_CHARACTERS]
    while True:
        line = _printable(_decode(text))
        if line == text:
            return _cut(line.replace("=?", "= ?"), _MOST_LINE_CHARACTERS)
        text = line


def check_message_id(text: str) -> str:
    """Return the text as it is: visible ASCII in which nothing can be read as an encoded word.

    Raises:
        ValueError: It is something else.
    """
    if _MESSAGE_ID.fullmatch(text) is None or "=?" in text:
        raise ValueError("must be a Message-ID: 1 to 900 visible ASCII characters, without an encoded word")
    return text


MailboxText = Annotated[
    str, Field(max_length=500, pattern=r"[^@\s]@[^@\s]"), AfterValidator(lambda text: str(read_mailbox(text)))
]
"""One mailbox, as text."""
HeaderLine = Annotated[str, AfterValidator(read_line)]
"""The text of a header that people read."""
MessageId = Annotated[str, Field(max_length=900, pattern=r"^[\x21-\x7e]+$"), AfterValidator(check_message_id)]
"""The Message-ID of an e-mail."""


def write_line(line: str) -> str:
    """Return what `read_line` returned as the value of a header: as it is where it is short and plain, else encoded."""
    if len(line) <= _PLAIN_LINE_CHARACTERS and line.isascii() and "=?" not in line:
        return line
    return "\n ".join(f"=?utf-8?b?{base64.b64encode(part).decode()}?=" for part in _parts(line))


def write_mailbox(mailbox: Mailbox) -> str:
    """Return the mailbox as the value of a header."""
    if not mailbox.name:
        return mailbox.address
    name = f'"{mailbox.name}"' if mailbox.name.isascii() and "=?" not in mailbox.name else write_line(mailbox.name)
    return f"{name} <{mailbox.address}>"


def find_machine_mark(headers: Mapping[str, str]) -> str | None:
    """Return the header that says that a machine sent the e-mail and wants no answer (RFC 3834), or None."""
    values = {name.strip().lower(): value.partition(";")[0].strip().lower() for name, value in headers.items()}
    if values.get("auto-submitted", "no") != "no":
        return f"Auto-Submitted: {read_line(values['auto-submitted'])}"
    if values.get("precedence") in _BULK:
        return f"Precedence: {values['precedence']}"
    return None


def _decode(text: str) -> str:
    return _ENCODED_WORD.sub(_decode_word, _BETWEEN_WORDS.sub("", text))


def _decode_word(word: re.Match[str]) -> str:
    """Return what the word stands for, or its inner text if that cannot be told: in any case less than the word."""
    charset, encoding, inner = word[1].partition("*")[0], word[2].lower(), word[3]
    try:
        encoded = inner.encode()
        if encoding == "q":
            content = binascii.a2b_qp(encoded, header=True)
        elif encoding == "b":
            content = base64.b64decode(encoded + b"==")
        else:
            return inner
        text = content.decode(charset, "replace")
    except (LookupError, ValueError):
        return inner
    return text if len(text) <= len(inner) else inner


def _printable(text: str) -> str:
    """Return the text with a blank for each run of blanks and line breaks, without what else nobody sees."""
    kept = (" " if character.isspace() else character for character in text)
    return " ".join("".join(character for character in kept if not is_invisible(character)).split())


def _cut(text: str, most: int) -> str:
    return text[:most].rstrip()


def _parts(text: str) -> Iterator[bytes]:
    """Yield the text in UTF-8, in parts of whole characters that fit into an encoded word each."""
    part = b""
    for character in text:
        encoded = character.encode()
        if len(part) + len(encoded) > _ENCODED_WORD_BYTES:
            yield part
            part = b""
        part += encoded
    yield part
