"""The process that imports an app and writes down what it is, for `report`. Run with the app's packages."""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from devhost.app import load_app
from devhost.app_settings import SettingsError, load_host_settings, prepare_environment
from devhost.check import departures
from devhost.functions import TriggerType
from devhost.hub.file import HubFileError, HubVersionError, NotATaskHubError
from devhost.hub.snapshot import OF_DAMAGE, HubSnapshot
from devhost.routing.overlaps import HiddenRoute, hidden_routes
from devhost.worker import AppLoadError, Worker

_PORT = 7071


def report(app_root: Path, hub: Path) -> dict[str, Any]:
    """Return what is known of the app, by the names of the fields of `Report`."""
    try:
        prepare_environment(app_root, _PORT, os.environ)
        prefix = load_host_settings(app_root, os.environ).route_prefix
    except SettingsError:  # told by a check of its own
        prefix = "api"
    worker = Worker()
    try:
        app = load_app(worker, app_root, prefix, os.environ)
    except AppLoadError as ex:
        return _failure(ex, app_root)
    told: dict[str, Any] = {
        "functions": {trigger.value: app.functions.names(trigger) for trigger in TriggerType},
        "unindexed": [(one.name, one.reason) for one in app.unindexed],
        "refused": [(one.name, one.reason) for one in app.refused if not one.works_on_azure],
    }
    told["hidden"] = [(one.hidden, _how(one)) for one in hidden_routes(app.routes)]
    if hub.is_file():
        try:
            with HubSnapshot(hub) as snapshot:
                told["departures"] = list(departures(snapshot, app.functions, worker))
        except (HubFileError, HubVersionError, NotATaskHubError, *OF_DAMAGE):  # told by a check of its own
            pass
    return told


def _how(one: HiddenRoute) -> str:
    lost = "is never reached" if one.entirely else f"does not get requests such as {one.example}"
    return f"{lost}: {one.by} comes first, in the order of the names, and answers them"


def _failure(ex: AppLoadError, app_root: Path) -> dict[str, Any]:
    """Return what the import raised, and the last line of the app's own code on the way there."""
    raised: BaseException = ex.__cause__ or ex
    raised = raised.__cause__ or raised.__context__ or raised
    text = " ".join("".join(traceback.format_exception_only(raised)).split())
    if isinstance(raised, SyntaxError):
        return {"failure": f"SyntaxError: {raised.msg}", "line": _shown(raised.filename or "", raised.lineno, app_root)}
    frames = [one for one in traceback.extract_tb(raised.__traceback__) if _is_of_the_app(one.filename, app_root)]
    line = _shown(frames[-1].filename, frames[-1].lineno, app_root) if frames else "function_app.py"
    return {"failure": text, "line": line}


def _is_of_the_app(file: str, app_root: Path) -> bool:
    """Say whether a file is the app's own: not of `.venv`, nor of a library beside it, which has a pyproject.toml."""
    path = Path(file)
    top = path.relative_to(app_root).parts[0] if path.is_relative_to(app_root) else "."
    return not top.startswith(".") and not (app_root / top / "pyproject.toml").is_file()


def _shown(file: str, line: int | None, app_root: Path) -> str:
    path = Path(file)
    name = path.relative_to(app_root).as_posix() if path.is_relative_to(app_root) else file
    return f"{name}:{line}"


def main() -> None:
    """Write the report of `sys.argv`: the app's folder, the task hub, the file to write."""
    app_root, hub, answer = map(Path, sys.argv[1:])
    os.chdir(app_root)
    sys.path.pop(0)  # the folder that devhost is in, which may hold modules of the names that the app's have
    half_written = answer.with_suffix(".part")
    half_written.write_text(json.dumps(report(app_root, hub)), encoding="utf-8")
    half_written.replace(answer)
    os._exit(0)  # threads that the app has started would keep it


if __name__ == "__main__":
    main()
