"""Tell what this app has handed out from what somebody has made up.

Every instance of the app has the same key: in Azure one of its own in Blob Storage, on one machine that of the links to
reviewers, in a file. What is sealed is no secret; nobody else can write the seal under it.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence


class NoSealKeyError(Exception):
    """The key is where it cannot be read now: nothing can be sealed, or be told from what somebody has made up."""

    def __init__(self) -> None:
        super().__init__("The key that seals what this app hands out cannot be read now; the log says why.")


class Seal:
    """Seals texts with the first of its keys that is known, and knows those of the others.

    `read_keys` returns them, None for one that cannot be read now; it is called whenever one is needed.
    """

    def __init__(self, read_keys: Callable[[], Sequence[bytes | None]]) -> None:
        self._read_keys = read_keys

    def of(self, purpose: str, text: str) -> str:
        """Return the seal of a text, 64 hex digits; that of one purpose is none for another.

        Raises:
            NoSealKeyError: No key is known.
        """
        for key in self._read_keys():
            if key is not None:
                return _digest(key, purpose, text)
        raise NoSealKeyError

    def fits(self, purpose: str, text: str, seal: str) -> bool:
        """Say whether `seal`, which may be the beginning of one, was made here for this text.

        Raises:
            NoSealKeyError: It may be made with a key that is not known.
        """
        keys = self._read_keys()
        digests = [_digest(key, purpose, text)[: len(seal)] for key in keys if key is not None]
        # Every key is tried, so that the time taken does not tell which one fits.
        fits = any([hmac.compare_digest(digest.encode(), seal.encode("utf-8", "replace")) for digest in digests])
        if not fits and None in keys:
            raise NoSealKeyError
        return fits


def _digest(key: bytes, purpose: str, text: str) -> str:
    content = f"{purpose}:{text}".encode("utf-8", "surrogatepass")
    return hmac.digest(key, content, hashlib.sha256).hex()
