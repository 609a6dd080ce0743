"""Why a task is not processed: connection strings of hub and storage, and whether somebody listens there."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from devhost.doctor.finding import Finding, fault, warning
from devhost.doctor.place import Place, section

_DEFAULT = "DURABLE_TASK_SCHEDULER_CONNECTION_STRING"
_AUTHENTICATIONS = (
    "None", "ManagedIdentity", "DefaultAzure", "WorkloadIdentity", "Environment", "AzureCLI", "AzurePowerShell",
    "VisualStudio", "VisualStudioCode", "InteractiveBrowser",
)  # fmt: skip
_LOCAL = {"localhost", "127.0.0.1", "::1", "host.docker.internal"}
_AZURITE = {"blob": 10000, "queue": 10001, "table": 10002}
_SECONDS = 2.0
_NO_SCHEDULER = (
    "Start the emulator (docker compose up, or see docs), or let the hub be in Azure Storage. devhost needs neither."
)


@dataclass(frozen=True, slots=True)
class _Scheduler:
    """The connection string of a Durable Task Scheduler: its setting, and its parts by lower-case names."""

    setting: str
    parts: dict[str, str]

    @property
    def address(self) -> tuple[str, int] | None:
        return _address(self.parts.get("endpoint", ""))

    @property
    def host(self) -> str:
        return self.address[0] if self.address else ""

    @property
    def where(self) -> str:
        return f"the setting {self.setting} (func start, Azure)"


def malformed_scheduler(place: Place) -> Iterator[Finding]:
    """A hub that cannot be reached takes what is started, or refuses it, and works on nothing."""
    found = _scheduler(place)
    if found is None:
        return
    example = "Endpoint=http://localhost:8080;Authentication=None"
    missing = [name for name in ("Endpoint", "Authentication") if not found.parts.get(name.lower())]
    endpoint, authentication = found.parts.get("endpoint", ""), found.parts.get("authentication", "")
    if missing:
        yield fault(
            "scheduler", f"{found.setting} has no {' and no '.join(missing)}", found.where, f"Its form: {example}"
        )
    elif not found.host:
        yield fault("scheduler", f"its Endpoint {endpoint!r} is no http(s) URL", found.where, f"Its form: {example}")
    elif authentication.casefold() not in {one.casefold() for one in _AUTHENTICATIONS}:
        what = f"its Authentication {authentication!r} is unknown; there is {', '.join(_AUTHENTICATIONS)}"
        yield fault("scheduler", what, found.where, f"Its form: {example}")


def scheduler_credentials(place: Place) -> Iterator[Finding]:
    """The emulator asks for nothing, Azure for an identity."""
    found = _scheduler(place)
    if found is None or not found.host:
        return
    is_open = found.parts.get("authentication", "").casefold() == "none"
    if is_open and found.host not in _LOCAL and found.host.endswith(".durabletask.io"):
        what = "it says Authentication=None, and a scheduler in Azure refuses whom it does not know"
        yield fault("scheduler", what, found.where, "Authentication=ManagedIdentity;ClientID=<the app's identity>")
    elif not is_open and found.host in _LOCAL:
        what = "it asks for an Azure identity, and the emulator on this machine knows none"
        yield fault("scheduler", what, found.where, "Authentication=None")


def another_hub(place: Place) -> Iterator[Finding]:
    """Who starts runs in one hub and works on another never sees them go on."""
    found = _scheduler(place)
    named = "" if found is None else found.parts.get("taskhub", "")
    used = re.sub(
        r"%([^%]+)%", lambda match: place.settings.get(match[1], ""), str(place.durable_task.get("hubName", ""))
    )
    if found is not None and named and used and named.casefold() != used.casefold():
        what = f"it names the task hub {named!r}, and host.json {used!r}: work in one is not done by the other"
        yield fault("hub-name", what, found.where, "Name the same hub in both, or leave TaskHub out of the string.")


def unreachable_scheduler(place: Place) -> Iterator[Finding]:
    """Nobody who listens at the address: runs stay Pending."""
    found = _scheduler(place)
    if found is None or found.address is None or place.has_example_only:
        return
    if reason := _unreachable(*found.address):
        what = f"the Durable Task Scheduler does not answer at {found.parts['endpoint']}: {reason}. Runs stay Pending"
        yield warning("scheduler-unreachable", what, found.where, _NO_SCHEDULER)


def malformed_storage(place: Place) -> Iterator[Finding]:
    """The Functions host cannot start without its storage."""
    text = place.settings.get("AzureWebJobsStorage", "")
    if text and "=" not in text:
        what = f"AzureWebJobsStorage is no connection string: {text[:3]}..."
        yield fault(
            "storage", what, "the setting AzureWebJobsStorage (func start)", "UseDevelopmentStorage=true for Azurite."
        )


def unreachable_azurite(place: Place) -> Iterator[Finding]:
    """`func start` needs Azurite, for itself and, with Azure Storage as provider, for the hub."""
    if place.has_example_only:
        return
    closed = [
        f"{service} at {host}:{port}"
        for service, (host, port) in _azurite(place.settings.get("AzureWebJobsStorage", "")).items()
        if _unreachable(host, port)
    ]
    if closed:
        what = f"Azurite does not answer ({', '.join(closed)}): func start waits for it and starts nothing"
        fix = "npm install -g azurite, then azurite; or docker compose up. devhost needs none."
        yield warning("azurite-unreachable", what, "the setting AzureWebJobsStorage (func start)", fix)


def _scheduler(place: Place) -> _Scheduler | None:
    """Return the scheduler that host.json chooses; None with another provider, and where the setting is missing."""
    provider = section(place.durable_task, "storageProvider")
    if str(provider.get("type", "")).casefold() != "azuremanaged":
        return None
    name = str(provider.get("connectionStringName") or _DEFAULT)
    text = place.settings.get(name, "")
    if not text:
        return None
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    return _Scheduler(name, {key.strip().casefold(): value.strip() for key, _, value in pairs})


def _azurite(text: str) -> dict[str, tuple[str, int]]:
    """Return where the services of a storage emulator are, by a connection string; nothing for an account in Azure."""
    parts = {key.strip().casefold(): value for key, _, value in (part.partition("=") for part in text.split(";"))}
    if parts.get("usedevelopmentstorage", "").strip().casefold() == "true":
        return {service: ("127.0.0.1", port) for service, port in _AZURITE.items()}
    found = {}
    for service in _AZURITE:
        address = _address(parts.get(f"{service}endpoint", ""))
        if address is not None and address[0] in _LOCAL:
            found[service] = address
    return found


def _address(url: str) -> tuple[str, int] | None:
    """Return host and port of an http(s) URL, or None."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return (
        None if not parts.hostname or port is None or parts.scheme not in ("http", "https") else (parts.hostname, port)
    )


def _unreachable(host: str, port: int) -> str | None:
    """Return why nobody answers there, or None."""
    try:
        socket.create_connection((host, port), _SECONDS).close()
    except OSError as ex:
        return ex.strerror or str(ex) or "no answer"
    return None
