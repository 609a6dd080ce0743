"""Read the query parameters of a request: numbers, times, words of a list. A bad one is a 400 that names it."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar

import azure.functions as func

from durable_agents.http.contracts import LARGEST_PAGE, PAGE
from durable_agents.http.problems import invalid_parameter

TokenT = TypeVar("TokenT")


def read_whole_number(req: func.HttpRequest, name: str, *, default: int, least: int, most: int) -> int:
    """Return a whole number, `default` where there is none.

    Raises:
        ProblemError: 400, it is no whole number from `least` to `most`.
    """
    text = req.params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise invalid_parameter(name, text, f"a whole number from {least} to {most}")
    return int(text)


def read_time(req: func.HttpRequest, name: str) -> datetime | None:
    """Return a time in UTC, None where there is none; one without a time zone is taken as UTC.

    Raises:
        ProblemError: 400, it is no ISO 8601 time.
    """
    text = req.params.get(name)
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        expected = "an ISO 8601 time such as 2026-01-31T09:30:00Z (in a URL, write + as %2B)"
        raise invalid_parameter(name, text, expected) from error


def read_words(req: func.HttpRequest, name: str, known: Iterable[str]) -> list[str]:
    """Return the words of a comma-separated list as they are spelt in `known`; case does not matter.

    Raises:
        ProblemError: 400, one of them is not known.
    """
    text = req.params.get(name)
    spelling = {word.casefold(): word for word in known}
    words = [word.strip().casefold() for word in text.split(",")] if text else []
    if not set(words) <= spelling.keys():
        raise invalid_parameter(name, str(text), f"one or more of {', '.join(spelling.values())}, separated by commas")
    return [spelling[word] for word in words]


def read_limit(req: func.HttpRequest) -> int:
    """Return how many entries a page may have at most.

    Raises:
        ProblemError: 400, it is no number that is possible.
    """
    return read_whole_number(req, "limit", default=PAGE, least=1, most=LARGEST_PAGE)


def read_page_token(req: func.HttpRequest, decode: Callable[[str], TokenT | None]) -> TokenT | None:
    """Return what `page_token` stands for, None where there is none: the first page.

    Raises:
        ProblemError: 400, `decode` knows no page of that token.
    """
    text = req.params.get("page_token")
    if not text:
        return None
    token = decode(text)
    if token is None:
        raise invalid_parameter("page_token", text, "the next_page_token of the page before, with the same query")
    return token
