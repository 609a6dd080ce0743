"""What the Functions host and Azure tell the app by themselves: nobody sets it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_ROUTE_PREFIX = "azurefunctionsjobhost__extensions__http__routeprefix"


@dataclass(frozen=True, slots=True)
class FunctionsHost:
    """Where the app runs.

    Attributes:
        in_azure: Whether it runs in Azure.
        own_url: Where the host says it is reached.
        route_prefix: What the host puts before every route, without slashes.
    """

    in_azure: bool = False
    own_url: str = "http://localhost:7071"
    route_prefix: str = "api"

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """Read what the environment says, and host.json in the app's folder, once.

        Raises:
            ValueError: host.json cannot be read.
        """
        in_azure = bool(environ.get("WEBSITE_INSTANCE_ID") or environ.get("WEBSITE_SITE_NAME"))
        name = environ.get("WEBSITE_HOSTNAME") or "localhost:7071"
        return cls(in_azure, f"{'https' if in_azure else 'http'}://{name}", _read_route_prefix(environ))


def _read_route_prefix(environ: Mapping[str, str]) -> str:
    # The host, too, lets this variable win over its file and does not look at its case.
    overrides = [value for name, value in environ.items() if name.lower() == _ROUTE_PREFIX]
    if overrides:
        return overrides[0].strip("/ ")
    file = Path(environ.get("AzureWebJobsScriptRoot") or ".") / "host.json"
    if not file.is_file():
        return "api"
    try:
        level: Any = json.loads(file.read_text(encoding="utf-8-sig"))
        for name in ("extensions", "http"):
            level = level.get(name, {})
        return str(level.get("routePrefix", "api")).strip("/ ")
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{file} is not what the Functions host reads: {error}") from error
