"""What the app is told: settings that are missing, that nobody reads, or that have no value yet."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator

from devhost.app_settings import SettingsError, load_local_settings
from devhost.doctor.finding import Finding, fault, note, warning
from devhost.doctor.place import Place, section

_FILE = "local.settings.json"
_PARAMETERS = "infra/main.parameters.json"
# What the host, the worker and Azure's libraries read; the app's own are found in its code.
_OF_THE_HOST = re.compile(
    r"AzureWebJobs\w+|AzureFunctions\w+|FUNCTIONS_\w+|WEBSITES?_\w+|APPLICATIONINSIGHTS_\w+|APPINSIGHTS_\w+|PYTHON\w+"
    r"|OTEL_\w+|AZURE_(?:CLIENT|TENANT|AUTHORITY|USERNAME|FUNCTIONS)_?\w*|languageWorkers\w+|(?:HTTPS?|NO)_PROXY|PATH|TZ"
)
_COMMON = ("FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage", "PYTHON_THREADPOOL_THREAD_COUNT")
_SETTING = re.compile(r"[A-Z][A-Z0-9_]{3,}")
_PLACEHOLDER = re.compile(r"\s*<[^<>]+>\s*")
_DURABLE = "DURABLE_TASK_SCHEDULER_CONNECTION_STRING"


def no_settings_file(place: Place) -> Iterator[Finding]:
    """`func start` reads local.settings.json alone; devhost takes the example in its place."""
    if not (place.app_root / _FILE).is_file():
        what = f"there is no {_FILE}: func start has no settings, and does not know the app's language"
        yield note("settings-file", what, f"{_FILE} (func start)", f"Copy local.settings.json.example to {_FILE}.")


def unusable_settings_file(place: Place) -> Iterator[Finding]:
    """A file that is no JSON, or holds something else than texts, is read by no host."""
    try:
        path, _ = load_local_settings(place.app_root)
    except SettingsError as ex:
        yield fault("settings-file", str(ex), _FILE, "Put the file right; each value is a text in quotes.")
    else:
        if path is not None and json.loads(path.read_text(encoding="utf-8-sig")).get("IsEncrypted") is True:
            what = "the file is encrypted, and only func can read it: devhost takes the values as they stand there"
            yield fault("settings-file", what, path.name, "func settings decrypt")


def wrong_runtime(place: Place) -> Iterator[Finding]:
    """The Functions host starts the worker of the language that this setting names."""
    runtime = place.settings.get("FUNCTIONS_WORKER_RUNTIME")
    if (place.app_root / _FILE).is_file() and runtime != "python":
        what = f"FUNCTIONS_WORKER_RUNTIME is {runtime!r}, so func start finds 0 functions"
        yield fault("worker-runtime", what, f"{_FILE} (func start)", 'Add "FUNCTIONS_WORKER_RUNTIME": "python".')


def missing_settings(place: Place) -> Iterator[Finding]:
    """What host.json refers to has to be set."""
    if place.settings_file is None or place.settings_file.name != _FILE:
        return
    needed = {name: "host.json refers to it" for name in re.findall(r"%([^%]+)%", json.dumps(dict(place.host_json)))}
    provider = section(place.durable_task, "storageProvider")
    is_managed = str(provider.get("type", "")).casefold() == "azuremanaged"
    if place.durable_task:
        name = provider.get("connectionStringName") or (_DURABLE if is_managed else "AzureWebJobsStorage")
        needed[str(name)] = "it is the connection of the task hub"
    needed["AzureWebJobsStorage"] = "the Functions host keeps its own files there"
    for name, why in needed.items():
        if not place.settings.get(name) and not any(one.startswith(f"{name}__") for one in place.settings):
            what = f"{name} is not set, and {why}: func start and Azure process no run without it"
            yield fault("missing-setting", what, f"{_FILE} (func start); the app settings on Azure", f"Set {name}.")


def placeholders(place: Place) -> Iterator[Finding]:
    """A value in angle brackets was meant to be replaced."""
    for name, value in place.values.items():
        if _PLACEHOLDER.fullmatch(value):
            yield fault(
                "placeholder", f"{name} still is {value.strip()}", place.shown_settings, "Write its value there."
            )


def unread_settings(place: Place) -> Iterator[Finding]:
    """A setting under a name that nothing reads is as good as none, and nothing else says so."""
    told = "\n".join([*place.sources(), json.dumps(dict(place.host_json))])
    known = set(re.findall(r"\w+", told))
    by_case = {name.casefold(): name for name in (*filter(_SETTING.fullmatch, known), *_COMMON)}
    for name, where in _told_here_and_on_azure(place).items():
        if name in known or (_OF_THE_HOST.fullmatch(name) and not _nearly(name)):
            continue
        near = difflib.get_close_matches(name.casefold(), by_case, n=1, cutoff=0.8)
        fix = (
            f"Did you mean {by_case[near[0]]}?"
            if near
            else "Remove it, or look in the settings page for the name that it has now."
        )
        yield warning("unread-setting", f"nothing reads the setting {name}", where, fix)


def _told_here_and_on_azure(place: Place) -> dict[str, str]:
    """Return the names of settings, with the file: the local one, and that of the parameters of a deployment."""
    path = place.app_root / _PARAMETERS
    try:
        parameters = json.loads(path.read_text(encoding="utf-8-sig")) if path.is_file() else {}
    except ValueError:
        parameters = {}
    for name in ("parameters", "extraSettings", "value"):
        parameters = section(parameters, name) if isinstance(parameters, dict) else {}
    deployed = dict.fromkeys(parameters, f"{_PARAMETERS} (Azure)")
    return deployed | dict.fromkeys(place.values, place.shown_settings)


def _nearly(name: str) -> bool:
    """Say whether a name that looks like the host's is one of its common ones misspelt."""
    return name not in _COMMON and bool(difflib.get_close_matches(name, _COMMON, n=1, cutoff=0.9))
