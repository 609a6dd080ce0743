"""What host.json and local.settings.json say, with the overrides the Functions host knows."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

_OVERRIDE = "AzureFunctionsJobHost__"
SETTINGS_FILES = ("local.settings.json", "local.settings.json.example")
_TIME_SPAN = re.compile(r"(?:(\d+)\.)?([01]?\d|2[0-3]):([0-5]?\d)(?::([0-5]?\d))?")


class SettingsError(Exception):
    """A settings file cannot be used; the text says which, why and what to do."""


@dataclass(frozen=True, slots=True)
class McpSettings:
    """How the MCP server presents itself to clients."""

    server_name: str
    server_version: str
    instructions: str


@dataclass(frozen=True, slots=True)
class HostSettings:
    """The parts of host.json that devhost obeys. Concurrency limits default as on Azure: ten for each core.

    Without `functionTimeout` functions get half an hour, as on a Flex Consumption plan; None is no limit.
    """

    route_prefix: str
    hub_name: str
    max_concurrent_activities: int
    max_concurrent_orchestrators: int
    max_entity_batch: int
    function_timeout: timedelta | None
    mcp: McpSettings


def prepare_environment(app_root: Path, port: int, environ: MutableMapping[str, str]) -> Path | None:
    """Set what the Functions host sets before it loads an app, and return the settings file used.

    Variables that are set already win over the file's.
    """
    settings_file, values = load_local_settings(app_root)
    of_the_host = {
        "AzureWebJobsScriptRoot": str(app_root),
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "WEBSITE_HOSTNAME": f"localhost:{port}",
    }
    for name, value in (values | of_the_host).items():
        environ.setdefault(name, value)
    return settings_file


def load_local_settings(app_root: Path) -> tuple[Path | None, dict[str, str]]:
    """Return the settings file, or its example, and the `Values` in it; (None, {}) when there is neither.

    Raises:
        SettingsError: The file is not JSON, or a value is not a string.
    """
    path = next((app_root / name for name in SETTINGS_FILES if (app_root / name).is_file()), None)
    if path is None:
        return None, {}
    values = _section(_read(path), "Values", path)
    wrong = [name for name, value in values.items() if not isinstance(value, str)]
    if wrong:
        raise SettingsError(f"{path}: every value must be a string; put quotes around {', '.join(wrong)}.")
    return path, values


def load_host_settings(app_root: Path, environ: Mapping[str, str]) -> HostSettings:
    """Read host.json with its overrides from the environment (`AzureFunctionsJobHost__path__to__value`).

    Raises:
        SettingsError: host.json is missing or not JSON, or a value has the wrong type.
    """
    path = app_root / "host.json"
    host = read_host_json(app_root, environ)
    extensions = _section(host, "extensions", path)
    durable, http, mcp = (_section(extensions, name, path, "extensions.") for name in ("durableTask", "http", "mcp"))
    default_concurrency = 10 * (os.cpu_count() or 1)

    def number(name: str, default: int) -> int:
        value = durable.get(name, default)
        try:
            return max(1, int(value))
        except (TypeError, ValueError):
            raise SettingsError(f"{path}: extensions.durableTask.{name} is {value!r}; it must be a number.") from None

    return HostSettings(
        route_prefix=str(http.get("routePrefix", "api")).strip("/"),
        hub_name=_expand(str(durable.get("hubName", "DevHub")), environ) or "DevHub",
        max_concurrent_activities=number("maxConcurrentActivityFunctions", default_concurrency),
        max_concurrent_orchestrators=number("maxConcurrentOrchestratorFunctions", default_concurrency),
        max_entity_batch=number("maxEntityOperationBatchSize", 1),
        function_timeout=_time_limit(path, host.get("functionTimeout", "00:30:00")),
        mcp=McpSettings(
            server_name=str(mcp.get("serverName", "Azure Functions MCP server")),
            server_version=str(mcp.get("serverVersion", "1.0.0")),
            instructions=str(mcp.get("instructions", "")),
        ),
    )


def read_host_json(app_root: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return host.json with its overrides.

    Raises:
        SettingsError: It is missing, or not a JSON object.
    """
    path = app_root / "host.json"
    if not path.is_file():
        raise SettingsError(f"There is no host.json in {app_root}: name the app's folder with --app-root.")
    return _with_overrides(_read(path), environ)


def _time_limit(path: Path, value: object) -> timedelta | None:
    """Read `functionTimeout`: `[days.]hours:minutes[:seconds]` of a second or more, or -1 for none."""
    if str(value) == "-1":
        return None
    found = _TIME_SPAN.fullmatch(str(value))
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0, 0)
    limit = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not limit:
        raise SettingsError(
            f"{path}: functionTimeout is {value!r}; it must be hours:minutes:seconds, such as '00:10:00', at least one "
            "second, or '-1' for no limit."
        )
    return limit


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as ex:
        raise SettingsError(f"{path} is not valid JSON: {ex}") from ex
    if not isinstance(content, dict):
        raise SettingsError(f"{path} must hold a JSON object.")
    return content


def _section(content: Mapping[str, Any], name: str, path: Path, parents: str = "") -> dict[str, Any]:
    section = content.get(name, {})
    if not isinstance(section, dict):
        raise SettingsError(f"{path}: {parents}{name} must be an object.")
    return section


def _with_overrides(host: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    for name, value in environ.items():
        if name.lower().startswith(_OVERRIDE.lower()):
            *parents, last = name[len(_OVERRIDE) :].split("__")
            level = host
            for parent in parents:
                level = level.setdefault(_key_in(level, parent), {})
                if not isinstance(level, dict):
                    raise SettingsError(f"{name} cannot be used: {parent!r} in host.json is a value, not an object.")
            level[_key_in(level, last)] = value
    return host


def _key_in(level: Mapping[str, Any], name: str) -> str:
    """Return the key as the file spells it: case does not matter, and Windows has none in names of variables."""
    return next((key for key in level if key.lower() == name.lower()), name)


def _expand(text: str, environ: Mapping[str, str]) -> str:
    """Replace `%NAME%` by the app setting of that name."""
    return re.sub(r"%([^%]+)%", lambda found: environ.get(found[1], ""), text)
