"""What the host prints when it has started: the functions with their URLs, and what is not as on Azure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from devhost.check import unknown_orchestrations, zero_functions
from devhost.functions import TriggerType
from devhost.host import Options, RunningHost
from devhost.printable import printable
from devhost.routing.overlaps import hidden_routes
from devhost.web.mcp import MCP_PATH


def listing(options: Options, host: RunningHost, open_runs: Mapping[str, int]) -> str:
    """Return the text for the console; `open_runs` counts those that were open before the start, by orchestration."""
    return "\n".join(map(printable, _lines(options, host, open_runs)))


def _lines(options: Options, host: RunningHost, open_runs: Mapping[str, int]) -> Iterator[str]:
    yield from ("", "Functions:", "")
    yield from _functions(host)
    for refused in (*host.app.unindexed, *host.app.refused):
        yield f"    NOT SERVED {refused.name}: {refused.reason}"
    for one in hidden_routes(host.app.routes):
        how = "is never reached" if one.entirely else f"does not get requests such as {one.example}"
        yield f"    HIDDEN {one.hidden} {how}: {one.by} comes first, in the order of the names, and answers them."
    guarded = [one.name for one in host.app.functions.of(TriggerType.HTTP) if one.auth_level != "anonymous"]
    yield ""
    yield from zero_functions(host.app)
    if guarded:
        yield f"Keys are not asked for here; on Azure {len(guarded)} of these URLs need one."
    yield f"Task hub: {options.hub_path or 'in memory only (--ephemeral): runs end with this process'}"
    if host.settings_file is not None:
        yield f"Settings: {host.settings_file}"
    if host.recovered:
        yield f"Going on with {host.recovered} message(s) and activities that the last run left."
    yield from unknown_orchestrations(open_runs, host.app.functions)


def _functions(host: RunningHost) -> Iterator[str]:
    """Yield the HTTP functions with their URLs, then the names of the others by trigger."""
    prefix = f"{host.settings.route_prefix}/" if host.settings.route_prefix else ""
    shown_url = host.base_url.replace("127.0.0.1", "localhost")
    for function in sorted(host.app.functions.of(TriggerType.HTTP), key=lambda one: one.name.lower()):
        methods = ",".join(sorted(function.methods)) if function.methods else "ANY"
        yield f"    {function.name}: [{methods}] {shown_url}/{prefix}{function.route}"
    for trigger in (one for one in TriggerType if one is not TriggerType.HTTP):
        names = sorted(function.name for function in host.app.functions.of(trigger))
        if names:
            yield f"    {trigger.value}: {', '.join(names)}"
    if host.app.functions.of(TriggerType.MCP_TOOL):
        yield f"    MCP server: {shown_url}{MCP_PATH}"
