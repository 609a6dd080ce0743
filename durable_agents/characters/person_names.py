"""What stands for a person: the same for every spelling of a name, and never the same for a name and an account."""

import json
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import combinations

from durable_agents.characters.invisible import is_invisible

LONGEST_NAME = 100
_LONGEST_LISTED_JSON = 200

# Writing systems that stand together in one name, by the words with which Unicode names their letters.
_EAST_ASIAN = frozenset({"CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "BOPOMOFO", "HANGUL"})

# All that ASCII has of characters that look like others, as in the skeletons of Unicode Technical Standard 39.
_LOOKS_LIKE = str.maketrans({"0": "O", "1": "l", "I": "l", "|": "l", "m": "rn"})


def identity_of(name: str | None, verified_id: str | None = None) -> str:
    """Return what is equal for one person and nobody else; all who have no name are one.

    A `verified_id` is the account that an identity provider vouches for: compared as it is, and equal to no name.
    """
    if verified_id is not None:
        return f"id:{verified_id}"
    return "" if name is None else f"name:{_fold(name)}"


def check_name(name: str) -> str:
    """Return the name without the blanks around it.

    Raises:
        ValueError: It is empty, too long, or has a character that cannot be seen.
    """
    hidden = next((char for char in name.strip(" ") if is_invisible(char)), None)
    if hidden is not None:
        raise ValueError(f"must be a name or an address in one line, without U+{ord(hidden):04X}, which nobody sees")
    if not 1 <= len(name.strip()) <= LONGEST_NAME or not _fold(name):
        raise ValueError(f"must be a name or an address with 1 to {LONGEST_NAME} characters")
    return name.strip()


def check_names(names: Sequence[str]) -> None:
    """Check a list of persons of whom each has one vote: no two may be one, or be taken for each other.

    Letters of different writing systems look alike, so a list has one of them; all else in its names is ASCII.

    Raises:
        ValueError: The message says which names, and what to do.
    """
    for name in map(check_name, names):
        if len(json.dumps(name)) - 2 > _LONGEST_LISTED_JSON:
            raise ValueError(f"{name!r} is too long; a name in a list has {_LONGEST_LISTED_JSON} characters as JSON")
        odd = next((char for char in _other_characters(_normal(name)) if not char.isascii()), None)
        if odd is not None:
            raise ValueError(f"{name!r} has {odd!r}, which looks like another character; write it with one of ASCII")
    for first, second in combinations(names, 2):
        if identity_of(first) == identity_of(second):
            raise ValueError(f"{first!r} and {second!r} are the same person")
        if _skeleton(first) == _skeleton(second):
            raise ValueError(f"{first!r} and {second!r} look alike")
    systems = {system for name in names for system in _writing_systems(_normal(name))}
    if len(systems) > 1:
        raise ValueError(
            f"letters of {' and '.join(sorted(systems)).lower()} can look alike; write all names with those of one"
        )


def find_person(name: str | None, names: Sequence[str]) -> str | None:
    """Return the one of `names` that is this person, or None."""
    identity = identity_of(name)
    return next((listed for listed in names if identity_of(listed) == identity), None)


def _fold(name: str) -> str:
    """Return the name in the form in which spellings are compared."""
    return " ".join(unicodedata.normalize("NFKC", _normal(name).casefold()).split())


def _normal(name: str) -> str:
    return unicodedata.normalize("NFKC", name)


def _skeleton(name: str) -> str:
    return _fold(_normal(name).translate(_LOOKS_LIKE))


def _other_characters(name: str) -> Iterator[str]:
    """Yield what is neither a letter nor the mark of one."""
    return (char for char in name if unicodedata.category(char)[0] not in "LM")


def _writing_systems(name: str) -> Iterator[str]:
    for char in name:
        if unicodedata.category(char).startswith("L"):
            system = unicodedata.name(char, "").partition(" ")[0]
            yield "EAST ASIAN" if system in _EAST_ASIAN else system
