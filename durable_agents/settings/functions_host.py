"""What the Functions host and Azure tell the app by themselves: nobody sets it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

_ROUTE_PREFIX = "azurefunctionsjobhost__extensions__http__routeprefix"
_FUNCTION_TIMEOUT = "azurefunctionsjobhost__functiontimeout"
_STORAGE_PROVIDER = "azurefunctionsjobhost__extensions__durabletask__storageprovider__type"
# The Durable Task Scheduler removes runs by itself, with a Dedicated one after this at the latest.
_LONGEST_IN_SCHEDULER = timedelta(days=90)
_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2}(?:\.\d+)?))?")
# What the Flex Consumption and Premium plans have where host.json does not say.
_DEFAULT_SECONDS = 1_800.0
_ENDING_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class FunctionsHost:
    """Where the app runs.

    Attributes:
        in_azure: Whether it runs in Azure.
        own_url: Where the host says it is reached.
        route_prefix: What the host puts before every route, without slashes.
        function_seconds: How long a function may run before the host ends it and its worker, None for no limit.
        keeps_runs: How long the task hub can keep a run that is over, None for ever.
    """

    in_azure: bool = False
    own_url: str = "http://localhost:7071"
    route_prefix: str = "api"
    function_seconds: float | None = _DEFAULT_SECONDS
    keeps_runs: timedelta | None = None

    def turn_seconds(self, limit: float) -> float:
        """Return how long a turn may take that is to take no longer than `limit`: its end needs some time too."""
        seconds = self.function_seconds
        return limit if seconds is None else min(limit, seconds - min(_ENDING_SECONDS, seconds / 10))

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """Read what the environment says, and host.json in the app's folder, once.

        Raises:
            ValueError: host.json cannot be read.
        """
        in_azure = bool(environ.get("WEBSITE_INSTANCE_ID") or environ.get("WEBSITE_SITE_NAME"))
        name = environ.get("WEBSITE_HOSTNAME") or "localhost:7071"
        file = Path(environ.get("AzureWebJobsScriptRoot") or ".") / "host.json"
        try:
            stated: Any = json.loads(file.read_text(encoding="utf-8-sig")) if file.is_file() else {}
            prefix, seconds = _route_prefix(stated, environ), _function_seconds(stated, environ)
            keeps_runs = _keeps_runs(stated, environ)
        except (ValueError, AttributeError) as error:
            raise ValueError(f"{file} is not what the Functions host reads: {error}") from error
        return cls(in_azure, f"{'https' if in_azure else 'http'}://{name}", prefix, seconds, keeps_runs)


def _route_prefix(stated: Any, environ: Mapping[str, str]) -> str:
    in_file = stated.get("extensions", {}).get("http", {}).get("routePrefix", "api")
    override = _override(environ, _ROUTE_PREFIX)
    return str(in_file if override is None else override).strip("/ ")


def _keeps_runs(stated: Any, environ: Mapping[str, str]) -> timedelta | None:
    in_file = stated.get("extensions", {}).get("durableTask", {}).get("storageProvider", {}).get("type")
    override = _override(environ, _STORAGE_PROVIDER)
    provider = in_file if override is None else override
    return _LONGEST_IN_SCHEDULER if str(provider).lower() == "azuremanaged" else None


def _function_seconds(stated: Any, environ: Mapping[str, str]) -> float | None:
    """Return the `functionTimeout` in seconds; the host writes it as [d.]hh:mm:ss, and -1 for no limit."""
    override = _override(environ, _FUNCTION_TIMEOUT)
    text = stated.get("functionTimeout") if override is None else override
    if text is None:
        return _DEFAULT_SECONDS
    if str(text).strip() == "-1":
        return None
    found = _TIME_SPAN.fullmatch(str(text).strip())
    if found is None:
        raise ValueError(f"functionTimeout {text!r} is no time span such as '00:10:00'")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()


def _override(environ: Mapping[str, str], name: str) -> str | None:
    """Return the variable that the host, too, lets win over its file; it does not look at its case."""
    return next((value for variable, value in environ.items() if variable.lower() == name), None)
