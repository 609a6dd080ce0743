"""A running app, asked over HTTP: its health, its host, its functions, its open runs."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import IO, Any
from urllib.parse import quote, urlsplit

from devhost.doctor.finding import Finding, fault, note, warning
from devhost.doctor.hub import LIMIT, about
from devhost.doctor.runs import OpenRun, Task

KEY = "FUNCTIONS_KEY"
_SECONDS = 30
_LOCAL = {"localhost", "127.0.0.1", "::1"}
_DURABLE = "/runtime/webhooks/durabletask/instances"
_OPEN = "runtimeStatus=Pending,Running,Suspended"
_SHOWN = 300
_NO_KEY = (
    f"Put the master key into the variable {KEY}: az functionapp keys list shows it. Never pass it as an argument."
)
_KINDS = {
    "TaskScheduled": "activity",
    "SubOrchestrationInstanceCreated": "child",
    "TimerCreated": "timer",
    "EventSent": "entity",
}


class AddressError(Exception):
    """An address that cannot be asked, or must not be told a key."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an address answered: the status and the body, JSON where it is some."""

    status: int
    body: Any


class RunningApp:
    """An app at an address. The key goes into a header, over https or to this machine, and to no other address."""

    def __init__(self, url: str, key: str, prefix: str) -> None:
        """Check the address.

        Raises:
            AddressError: It is no base URL, has a key in it, or would have the key sent in the clear.
        """
        try:
            parts = urlsplit(url)
            is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_address = False
        if not is_address:
            raise AddressError(f"{url!r} is no address: it has to be like http://localhost:7071")
        if parts.query or parts.fragment or parts.username:
            raise AddressError(f"the address has more than a host: keys belong into the variable {KEY}")
        if key and parts.scheme == "http" and parts.hostname not in _LOCAL:
            raise AddressError(f"{url} is not https, and the key in {KEY} would be sent in the clear")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self.prefix = prefix
        self._key = key
        handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
        if parts.hostname in _LOCAL:
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str) -> Answer:
        """Ask for a path; a status that is no success is an answer too.

        Raises:
            OSError: Nobody answers, or not in time.
        """
        request = urllib.request.Request(f"{self.url}{path}")
        if self._key:
            request.add_header("x-functions-key", self._key)
        try:
            with self._opener.open(request, timeout=_SECONDS) as response:
                return Answer(response.status, _parsed(response))
        except urllib.error.HTTPError as ex:
            with ex:
                return Answer(ex.code, _parsed(ex))
        except urllib.error.URLError as ex:
            raise OSError(str(ex.reason)) from ex
        except http.client.HTTPException as ex:
            raise OSError(f"what answers is no HTTP server ({type(ex).__name__})") from ex

    @cached_property
    def functions(self) -> dict[str, list[str]] | None:
        """The names of the functions by trigger, or None: devhost does not tell, and Azure only with a key."""
        answer = self.get("/admin/functions")
        return _by_trigger(answer.body) if answer.status == 200 and isinstance(answer.body, list) else None


def diagnose(app: RunningApp) -> Iterator[Finding]:
    """Ask a running app everything."""
    try:
        yield from host_state(app)
        yield from zero_functions(app)
        yield from health(app)
        yield from dependencies(app)
        yield from open_runs(app)
    except OSError as ex:
        fix = "Start the app, or give the address that its start has printed. On Azure: is the app stopped?"
        yield fault("unreachable", f"nobody answers: {ex}", app.url, fix)
    except (LookupError, TypeError, ValueError, AttributeError) as ex:
        what = f"what answers is no Functions host: its answers have another form ({type(ex).__name__}: {ex})"
        yield fault("unreachable", what, app.url, "Give the address that the start of the app has printed.")


def host_state(app: RunningApp) -> Iterator[Finding]:
    """The Functions host tells its state, its errors and the bundle that it has loaded; devhost does not."""
    answer = app.get("/admin/host/status")
    told = answer.body if isinstance(answer.body, dict) else {}
    if answer.status in (401, 403):
        yield warning("key", f"the host asks for a key ({answer.status}), so its state is not known", app.url, _NO_KEY)
    elif answer.status == 200 and told.get("state") != "Running":
        errors = "; ".join(map(str, told.get("errors") or ())) or "it gives no reason"
        fix = "Put right what it names; docs: devhost/docs/troubleshooting.md."
        yield fault(
            "host-state", f"the host is in state {told.get('state')}: {errors}", f"{app.url}/admin/host/status", fix
        )
    elif answer.status == 200:
        bundle = told.get("extensionBundle") or {}
        what = (
            f"the Functions host {told.get('version')} runs, with the extension bundle {bundle.get('version', 'none')}"
        )
        yield note("host-state", what, f"{app.url}/admin/host/status", "Nothing: that is what should run.")


def zero_functions(app: RunningApp) -> Iterator[Finding]:
    """A host that could not import the app is Running, with no function."""
    if app.functions is not None and not any(app.functions.values()):
        what = "the host runs with 0 functions, and every route answers 404: it could not import or index the app"
        fix = "python3 dev.py doctor without an address says why; on Azure, the exceptions in Application Insights do."
        yield fault("no-functions", what, f"{app.url}/admin/functions", fix)


def health(app: RunningApp) -> Iterator[Finding]:
    """The app's own word, where it has the route."""
    path = _below(app, "health")
    answer = app.get(path)
    if answer.status == 404 and app.functions is None:
        what = f"{path} answers 404: the app has no such route, another prefix, or no function at all"
        yield warning("health", what, f"{app.url}{path}", "Look at what the host printed when it started.")
    elif answer.status in (401, 403):
        yield warning("key", f"{path} asks for a key ({answer.status})", f"{app.url}{path}", _NO_KEY)
    elif answer.status >= 500:
        yield fault("health", _said(path, answer), f"{app.url}{path}", "Put right what it names.")


def dependencies(app: RunningApp) -> Iterator[Finding]:
    """What the app depends on answers it, where it has the route that asks: with it, a role that is missing shows."""
    path = f"{_below(app, 'health/details')}?deep=1"
    answer = app.get(path)
    if answer.status in (401, 403):
        what = f"what the app depends on is not told without a key ({answer.status})"
        yield warning("key", what, f"{app.url}{path}", _NO_KEY)
    elif answer.status >= 500:
        fix = (
            "Put right what it names: on Azure, is the role of the app's identity there (Durable Task Data Contributor "
            "on the hub, Cognitive Services OpenAI User on the model)? It counts minutes after it was given."
        )
        yield fault("health", _said(path, answer), f"{app.url}{path}", fix)


def open_runs(app: RunningApp) -> Iterator[Finding]:
    """What the app's open runs wait for, by the API of the Durable Task extension."""
    answer = app.get(f"{_DURABLE}?{_OPEN}&top={2 * LIMIT}&showInput=false")
    if answer.status in (401, 403):
        yield warning("key", f"runs are not shown without a key ({answer.status})", f"{app.url}{_DURABLE}", _NO_KEY)
    if answer.status != 200 or not isinstance(answer.body, list):
        return
    ids = [str(one["instanceId"]) for one in answer.body if not str(one["instanceId"]).startswith("@")]
    yield from about([run for one in ids[:LIMIT] if (run := _open_run(app, one)) is not None], app.functions)


def _below(app: RunningApp, route: str) -> str:
    return f"/{app.prefix}/{route}" if app.prefix else f"/{route}"


def _said(path: str, answer: Answer) -> str:
    return f"{path} answers {answer.status}: {' '.join(json.dumps(answer.body).split())[:_SHOWN]}"


def _open_run(app: RunningApp, instance_id: str) -> OpenRun | None:
    answer = app.get(f"{_DURABLE}/{quote(instance_id, safe='')}?showHistory=true&showInput=false")
    told = answer.body
    if not isinstance(told, dict) or told.get("runtimeStatus") not in ("Pending", "Running", "Suspended"):
        return None  # it has ended meanwhile
    tasks = [_task(event) for event in told.get("historyEvents") or () if event.get("EventType") in _KINDS]
    custom = told.get("customStatus")
    pending = told["runtimeStatus"] == "Pending"
    return OpenRun(
        instance_id,
        str(told.get("name")),
        str(told["runtimeStatus"]),
        _moment(told["createdTime" if pending else "lastUpdatedTime"]),
        None if custom is None else json.dumps(custom),
        [task for task in tasks if task.kind != "entity"],
    )


def _task(event: dict[str, Any]) -> Task:
    """Return the task of an event that no later one has ended: those are left out of a history that is shown."""
    kind = _KINDS[event["EventType"]]
    due = _moment(event["FireAt"]) if kind == "timer" and event.get("FireAt") else None
    return Task(kind, str(event.get("Name") or event.get("FunctionName") or ""), _moment(event["Timestamp"]), due)


def _by_trigger(listed: list[Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    named_by = {"orchestrationTrigger": "orchestration", "activityTrigger": "activity", "entityTrigger": "entityName"}
    for one in listed:
        bindings = (one.get("config") or {}).get("bindings") or []
        trigger = next((binding for binding in bindings if str(binding.get("type", "")).endswith("Trigger")), None)
        if trigger is not None:
            name = trigger.get(named_by.get(trigger["type"], "")) or one.get("name")
            found.setdefault(trigger["type"], []).append(str(name))
    return found


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parsed(response: IO[bytes]) -> Any:
    text = response.read().decode("utf-8", errors="replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows nowhere: a key is for the address that was named."""

    def redirect_request(self, *_: Any) -> None:
        return None
