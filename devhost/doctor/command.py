"""The command: which checks there are, and what is printed."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from devhost.app_settings import SettingsError, load_host_settings
from devhost.doctor import code, connections, determinism, host_json, hub, packages, remote, settings
from devhost.doctor.finding import Finding, Level, as_json, as_text, fault, warning
from devhost.doctor.place import Place

Check = Callable[[Place], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    code.missing_function_app,
    code.syntax_errors,
    code.ignored_imports,
    code.app_not_looked_at,
    code.failed_import,
    code.no_functions,
    code.unindexed_functions,
    code.refused_functions,
    code.hidden_functions,
    code.another_environment,
    determinism.changing_orchestrations,
    packages.broken_interpreter,
    packages.wrong_interpreter,
    packages.packages_of_another_python,
    packages.missing_packages,
    packages.other_versions,
    packages.unpinned_requirements,
    packages.no_requirements,
    host_json.unusable_host_json,
    host_json.no_bundle,
    host_json.bad_bundle,
    host_json.bundle_to_download,
    host_json.short_time_out,
    host_json.unknown_provider,
    host_json.bad_hub_name,
    settings.no_settings_file,
    settings.unusable_settings_file,
    settings.wrong_runtime,
    settings.missing_settings,
    settings.placeholders,
    settings.unread_settings,
    connections.malformed_scheduler,
    connections.scheduler_credentials,
    connections.another_hub,
    connections.unreachable_scheduler,
    connections.malformed_storage,
    connections.unreachable_azurite,
    hub.unusable_hub,
    hub.held_hub,
    hub.nobody_serves,
    hub.departing_runs,
    hub.failed_by_non_determinism,
    hub.open_runs,
)


def examine(place: Place) -> list[Finding]:
    """Return what all checks find; each looks by itself, so that what one cannot read keeps none of the others."""
    found: list[Finding] = []
    for check in CHECKS:
        try:
            found += check(place)
        except OSError as ex:
            fix = "Make it readable for this user; then ask the doctor again."
            found.append(warning("unreadable", f"it cannot be read: {ex.strerror}", str(ex.filename), fix))
    return list(dict.fromkeys(found))


def main(arguments: list[str], venv: Path) -> int:
    """Print what is wrong with an app, and return 1 when something is a fault, else 0."""
    parsed = _parser().parse_args(arguments)
    app_root = Path(parsed.app_root).resolve()
    place = Place(
        app_root, Path(parsed.db or app_root / ".devhost" / "state.db").resolve(), _venv(app_root, venv), os.environ
    )
    found = examine(place)
    if parsed.db and not place.hub.is_file():
        found.append(fault("hub-other", "there is no task hub in this file", str(place.hub), "Name another with --db."))
    if parsed.url:
        found += _asked(place, parsed.url)
    print(as_json(found) if parsed.json else as_text(found))
    return int(any(one.level is Level.FAULT for one in found))


def _asked(place: Place, url: str) -> Iterator[Finding]:
    try:
        prefix = load_host_settings(place.app_root, place.settings).route_prefix
    except SettingsError:
        prefix = "api"
    try:
        app = remote.RunningApp(url, place.environ.get(remote.KEY, ""), prefix)
    except remote.AddressError as ex:
        yield fault("address", str(ex), "--url", "python3 dev.py doctor --url http://localhost:7071")
        return
    yield from remote.diagnose(app)


def _venv(app_root: Path, venv: Path) -> Path:
    """Return the environment of the app: its own, where it has one."""
    own = app_root / ".venv"
    return own if own.is_dir() else venv


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dev.py doctor",
        description="Say why an app has no functions, why a run does not go on, and what a deployment would miss. "
        "Nothing is changed. Status 1 when something is a fault.",
    )
    parser.add_argument("--app-root", default=".", help="folder of function_app.py and host.json (default: this one)")
    parser.add_argument("--db", help="file of devhost's task hub (default: .devhost/state.db in the app's folder)")
    parser.add_argument(
        "--url",
        help=f"ask the running app as well: http://localhost:7071, or one in Azure with its key in {remote.KEY}",
    )
    parser.add_argument("--json", action="store_true", help="print JSON: level, check, what, where and fix of each")
    return parser
