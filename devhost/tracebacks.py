"""What the log shows of an exception of the app's code: the frames of its authors, and its whole message."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Iterable, Iterator
from logging import LogRecord
from pathlib import Path
from traceback import FrameSummary
from typing import Any

from devhost.hints import hint
from devhost.sdk_frames import paused_at

_MARK = "failure_of_the_app"
_HERE = Path(__file__).parent
_FOLDERS = [_HERE, Path(sysconfig.get_path("stdlib"))]
_NOT_OF_THE_AUTHORS = tuple(f"{folder.as_posix()}/" for one in _FOLDERS for folder in (one, one.resolve()))
# The apps of devhost's own tests are apps like any other.
_TESTS = tuple(f"{folder.as_posix()}/tests/" for folder in (_HERE, _HERE.resolve()))
_CAUSE = "\nThe above exception was the direct cause of the following exception:\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n"
_MOST_OF_A_CHAIN = 20
# How the SDK tells an orchestrator of a failed activity or child, of which the log has told already.
_OF_A_TASK = re.compile(r' \n (?:\{"ClassName":|Message: |None$)')


def of_the_app(error: BaseException | None) -> dict[str, Any]:
    """Return the arguments that make a log call show an exception as a failure of the app's code."""
    return {"exc_info": error, "extra": {_MARK: error}}


def failure_of_the_app(record: LogRecord) -> BaseException | None:
    """Return the exception that `of_the_app` gave to a log call."""
    error: BaseException | None = getattr(record, _MARK, None)
    return error


def trace(error: BaseException, *, every_frame: bool = False) -> str:
    """Return the lines for an exception of the app's code; none where its first line says it all.

    Shown are the frames of its authors, or all of them.
    """
    lines = list(_lines(error, set(), every_frame))
    hints = (hint(_message(one)) for one in (error, error.__cause__) if one is not None)
    lines += [f"Hint: {one}" for one in hints if one is not None][:1]
    text = "\n".join(lines)
    return text if "\n" in text else ""


def first_line(error: BaseException) -> str:
    """Return an exception's type and the first line of its message."""
    return _message(error).partition("\n")[0]


def authors_frames(frames: Iterable[FrameSummary]) -> list[FrameSummary]:
    """Return the frames that are not Python's, a library's or devhost's."""
    return [frame for frame in frames if _is_of_the_authors(frame.filename)]


def _lines(error: BaseException, seen: set[int], every_frame: bool) -> Iterator[str]:
    for one, sentence in _chain(error, seen):
        frames = [*traceback.extract_tb(one.__traceback__), *paused_at(one.__traceback__)]
        if shown := frames if every_frame else authors_frames(frames):
            yield "Traceback (most recent call last):"
            yield "".join(traceback.format_list(shown)).rstrip("\n")
        yield _message(one)
        if isinstance(one, BaseExceptionGroup):
            for member in one.exceptions:
                yield from (f"  {line}" for part in _lines(member, seen, every_frame) for line in part.split("\n"))
        if sentence:
            yield sentence


def _chain(error: BaseException, seen: set[int]) -> list[tuple[BaseException, str]]:
    """Return an exception and the last of those that led to it, it being last, each with what follows it in the log."""
    chain = [(error, "")]
    seen.add(id(error))
    while len(chain) < _MOST_OF_A_CHAIN:
        last, _ = chain[-1]
        before, sentence = last.__cause__, _CAUSE
        if before is None and not last.__suppress_context__:
            before, sentence = last.__context__, _CONTEXT
        if before is None or id(before) in seen:
            break
        seen.add(id(before))
        chain.append((before, sentence))
    return chain[::-1]


def _message(error: BaseException) -> str:
    text = "".join(traceback.format_exception_only(error)).rstrip("\n")
    is_of_a_task = type(error) is Exception and _OF_A_TASK.search(text)
    return text.partition("\n")[0].rstrip() if is_of_a_task else text


def _is_of_the_authors(filename: str) -> bool:
    path = filename.replace("\\", "/")
    if path.startswith(_TESTS):
        return True
    return not (path.startswith(("<", *_NOT_OF_THE_AUTHORS)) or "/site-packages/" in path or "/dist-packages/" in path)
