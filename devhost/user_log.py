"""Whose log lines are being written: what the app's code is run for, and whether its lines were there before."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

about: ContextVar[str] = ContextVar("about", default="")
"""The id of the instance or entity that is worked for; set by each task of the engine, which works for no other."""

_is_silent: ContextVar[Callable[[], bool]] = ContextVar("is_silent", default=lambda: False)


@contextmanager
def silenced(when: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Drop what the app's code logs within the context, or what it logs while `when` is true."""
    token = _is_silent.set(when)
    try:
        yield
    finally:
        _is_silent.reset(token)


def is_of_the_app(record: logging.LogRecord) -> bool:
    """Whether a record is not devhost's own: those name what they are about, and are never written by a replay."""
    return record.name.partition(".")[0] != "devhost"


def is_wanted(record: logging.LogRecord) -> bool:
    """Whether a record belongs into the log; a filter for a handler, in the thread and context of who logs it."""
    return not (is_of_the_app(record) and _is_silent.get()())
