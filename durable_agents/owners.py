"""Whose a session or a run is. Its id says so, from its first moment to its last, and nobody can change an id.

An owned id is `own.<owner>.<the rest>`, where the owner is a digest of an account. So two callers who choose the same
id have a session each, no list has to be read to find one's own, and nothing has to be stored before the first message.
"""

import hashlib
import re

# In whatever case: a store might not tell them apart.
_OWNED = re.compile(r"own\.([0-9a-f]{16})\.", re.IGNORECASE)


def owner_named(account: str) -> str:
    """Return the owner that an account is: 16 hex digits, always the same."""
    return hashlib.sha256(f"owner\n{account}".encode()).hexdigest()[:16]


def prefix_of(owner: str) -> str:
    """Return what the ids of this owner begin with."""
    return f"own.{owner}."


def owned(name: str, owner: str | None) -> str:
    """Return the id of this name that belongs to the owner; the name itself if there is none."""
    return name if owner is None else prefix_of(owner) + name


def owner_of(name: str) -> str | None:
    """Return the owner that an id names, or None for what belongs to nobody."""
    found = _OWNED.match(name)
    return None if found is None else found[1]
