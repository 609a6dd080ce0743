"""What host.json says to the Functions host: bundle, time-out, task hub, storage provider."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from devhost.app_settings import SettingsError, load_host_settings
from devhost.doctor.finding import Finding, fault, warning
from devhost.doctor.place import Place, section

_ID = "Microsoft.Azure.Functions.ExtensionBundle"
_RANGE = re.compile(r"\s*[\[(]\s*(?P<least>[\d.*]*)\s*,\s*(?P<most>[\d.*]*)\s*[\])]\s*|\s*\[(?P<only>[\d.]+)\]\s*")
_MANAGED_SINCE = (4, 29)
_PROVIDERS = {
    "azuremanaged": "azureManaged",
    "azurestorage": "AzureStorage",
    "mssql": "mssql",
    "netherite": "Netherite",
}
_SHORTEST = timedelta(minutes=1)
_HUB_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{2,44}")
_WRITE = f'Write "extensionBundle": {{"id": "{_ID}", "version": "[4.32.0, 5.0.0)"}}.'

Version = tuple[int, ...]


def unusable_host_json(place: Place) -> Iterator[Finding]:
    """A host that cannot read its file serves nothing."""
    try:
        load_host_settings(place.app_root, place.settings)
    except SettingsError as ex:
        yield fault(
            "host-json", str(ex), "host.json", "Put the file right: the host starts in state Error and serves nothing."
        )
    else:
        if place.host_json.get("version") != "2.0":
            what = f"version is {place.host_json.get('version')!r}; the Functions host takes '2.0' alone"
            yield fault("host-json", what, "host.json (func start, Azure)", 'Write "version": "2.0".')


def no_bundle(place: Place) -> Iterator[Finding]:
    """Without the extension, durable functions are in error, and HTTP functions work."""
    if place.host_json and not section(place.host_json, "extensionBundle") and not _has_own_extensions(place.app_root):
        what = "there is no extensionBundle: on Azure and func start every durable function is in error"
        yield fault("bundle", what, "host.json (func start, Azure)", _WRITE)


def bad_bundle(place: Place) -> Iterator[Finding]:
    """The range of the bundle decides which extension runs."""
    bundle = section(place.host_json, "extensionBundle")
    if not bundle:
        return
    text, where = str(bundle.get("version", "")), "host.json extensionBundle (func start, Azure)"
    bounds = _bounds(text)
    if not str(bundle.get("id", "")).startswith(_ID):
        yield fault("bundle", f"extensionBundle.id is {bundle.get('id')!r}, which no host knows", where, _WRITE)
    elif bounds is None:
        yield fault("bundle", f"extensionBundle.version is {text!r}, which is no range of versions", where, _WRITE)
    elif bounds[1] <= _MANAGED_SINCE and _provider(place) == "azureManaged":
        what = f"the range {text} ends before 4.29, and older bundles do not have the provider azureManaged"
        yield fault("bundle", what, where, _WRITE)


def bundle_to_download(place: Place) -> Iterator[Finding]:
    """`func start` keeps the bundles that it has loaded; with none of the range it needs the network."""
    bundle = section(place.host_json, "extensionBundle")
    bounds = _bounds(str(bundle.get("version", "")))
    home = place.environ.get("HOME") or place.environ.get("USERPROFILE") or ""
    folder = Path(home, ".azure-functions-core-tools", "Functions", "ExtensionBundles", str(bundle.get("id", "")))
    if not bundle or bounds is None or not home or not folder.is_dir():
        return
    there = sorted(filter(None, (_version(path.name) for path in folder.iterdir())))
    if not any(bounds[0] <= version < bounds[1] for version in there):
        found = ", ".join(".".join(map(str, one)) for one in there) or "none"
        what = f"no extension bundle of the range {bundle['version']} is on this machine (there: {found})"
        yield warning(
            "bundle-download", what, f"{folder} (func start)", "func start loads one: be online for its next start."
        )


def short_time_out(place: Place) -> Iterator[Finding]:
    """Past `functionTimeout` the Functions host restarts the worker, with everything that runs in it."""
    try:
        limit = load_host_settings(place.app_root, place.settings).function_timeout
    except SettingsError:
        return
    if limit is not None and limit < _SHORTEST:
        what = f"functionTimeout is {limit}: a call that takes longer fails, and on Azure the worker restarts with it"
        yield warning(
            "time-out", what, "host.json functionTimeout", "Allow more than an agent's longest turn: 00:30:00."
        )


def unknown_provider(place: Place) -> Iterator[Finding]:
    """A provider that the extension does not have stops the host."""
    named = section(place.durable_task, "storageProvider").get("type")
    if named is not None and str(named).casefold() not in _PROVIDERS:
        what = f"storageProvider.type is {named!r}; the extension has {', '.join(_PROVIDERS.values())}"
        yield fault("provider", what, "host.json durableTask (func start, Azure)", "Write one of these.")


def bad_hub_name(place: Place) -> Iterator[Finding]:
    """Two apps on one hub take each other's work; a name that storage refuses stops the host."""
    name = place.durable_task.get("hubName")
    if (
        isinstance(name, str)
        and "%" not in name
        and _provider(place) == "AzureStorage"
        and not _HUB_NAME.fullmatch(name)
    ):
        what = f"hubName is {name!r}: Azure Storage takes 3 to 45 letters and digits, a letter first"
        yield fault("hub-name", what, "host.json durableTask (func start, Azure)", "Give the hub such a name.")


def _provider(place: Place) -> str:
    named = section(place.durable_task, "storageProvider").get("type", "AzureStorage")
    return _PROVIDERS.get(str(named).casefold(), str(named))


def _bounds(text: str) -> tuple[Version, Version] | None:
    """Return the least version of a range, and the first beyond it."""
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    if found["only"]:
        only = _version(found["only"])
        return None if only is None else (only, (*only, 1))
    least, most = (
        _version(found[name].replace(".*", "") or default) for name, default in (("least", "0"), ("most", "999"))
    )
    return None if least is None or most is None else (least, most)


def _version(text: str) -> Version | None:
    return tuple(map(int, text.split("."))) if re.fullmatch(r"\d+(\.\d+)*", text) else None


def _has_own_extensions(app_root: Path) -> bool:
    return (app_root / "extensions.csproj").is_file()
