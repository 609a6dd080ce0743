"""What the log says of a failure: one line for what is known, and of a tool the frames that its author wrote.

A provider that is busy is no fault of the app, and the frames of three libraries below a call say nothing about it.
"""

import asyncio
import concurrent.futures
import logging
import traceback
from pathlib import Path

import agent_framework

from durable_agents.sessions.failures import MODEL_CALL_FAILED, describe_failure

logger = logging.getLogger(__name__)

_MOST_CHARACTERS = 500
# What stands between the call and the tool: this app, the framework, and the thread a plain function runs in.
_CALLERS = (agent_framework.__file__, asyncio.__file__, concurrent.futures.__file__)
_NOT_OF_THE_AUTHOR = (str(Path(__file__).parents[1]), *(str(Path(file).parent) for file in _CALLERS))


def log_failure(level: int, what: str, error: BaseException) -> None:
    """Log that `what` failed: the code and the provider's words on one line, or a traceback if the kind is unknown."""
    failure = describe_failure(error)
    if failure.code == MODEL_CALL_FAILED:
        logger.log(level, "%s failed", what, exc_info=error)
    else:
        logger.log(level, "%s failed: %s. %s", what, failure.code, _on_one_line(error))


def log_tool_failure(tool: str, caller: str, error: Exception) -> None:
    """Log that a tool raised, for which agent and session, and where in the code of its author."""
    frames = traceback.extract_tb(error.__traceback__)
    while len(frames) > 1 and frames[0].filename.startswith(_NOT_OF_THE_AUTHOR):
        del frames[0]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)]
    lines += traceback.format_exception_only(error)
    logger.error("Tool %s failed for %s\n%s", tool, caller, "".join(lines).rstrip())


def _on_one_line(error: BaseException) -> str:
    # An exception of the framework has its cause beside its text, and that is in the text already.
    said = next((part for part in error.args if isinstance(part, str)), str(error))
    words = " ".join(said.split())
    shown = "".join(character if character.isprintable() else repr(character)[1:-1] for character in words)
    return shown if len(shown) <= _MOST_CHARACTERS else f"{shown[:_MOST_CHARACTERS]}..."
