"""The log on the terminal."""

from __future__ import annotations

import logging
from copy import copy

from devhost import user_log
from devhost.printable import PrintableFormatter
from devhost.tracebacks import failure_of_the_app, trace

_QUIET = ("azure", "azure.functions", "agent_framework", "httpx", "asyncio", "watchfiles")


def log_to_console(*, is_verbose: bool) -> None:
    """Log to stderr; verbose also what libraries say, with each logger's name and whole tracebacks."""
    handler = logging.StreamHandler()
    handler.setFormatter(ConsoleFormatter(is_verbose=is_verbose))
    handler.addFilter(user_log.is_wanted)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    if not is_verbose:
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.WARNING)


class ConsoleFormatter(PrintableFormatter):
    """Tells whose a record is, and shows a failure of the app's code by the frames of its authors.

    What the app's code logs begins with the id of the instance or entity it was run for. A verbose log has every frame.
    """

    def __init__(self, *, is_verbose: bool = False) -> None:
        name = " %(name)s:" if is_verbose else ""
        super().__init__(f"%(asctime)s %(levelname)s{name} %(message)s", "%H:%M:%S")
        self._is_verbose = is_verbose

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        shown = copy(record)
        subject, message = user_log.about.get(), record.getMessage()
        if subject and user_log.is_of_the_app(record) and not message.startswith(subject):
            shown.msg, shown.args = f"{subject}: {message}", ()
        if (error := failure_of_the_app(record)) is not None:
            shown.exc_info, shown.exc_text = None, trace(error, every_frame=self._is_verbose)
        return super().format(shown)
