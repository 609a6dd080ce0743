"""The Azure Functions host with keys asked for, on a disk that nobody can write to."""

import functools
import json
import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

import httpx

from devhost.testing.functions_host import FunctionsHostProcess
from durable_agents.http.access import OPERATOR_KEY_HEADER

# What a process needs of the machine that it runs on; all else is told by the settings.
_OF_THE_MACHINE = ("HOME", "LANG", "PATH", "TMPDIR", "VIRTUAL_ENV", "XDG_CACHE_HOME")
# In a mount namespace of its own: the whole disk can be read only, but for the places of what is temporary.
_READ_ONLY = """
app=$1; shift
while [ "$1" != -- ]; do mount --bind "$1" "$1" || exit; shift; done; shift
mount --bind "$app" "$app" && mount -o remount,bind,ro "$app" && mount -o remount,bind,ro / && exec "$@"
"""
_MASTER_KEY = re.compile(r"^master key (\S+)$", re.MULTILINE)


class DeployedHost(FunctionsHostProcess):
    """Runs what is in `folder/app`, which is there before; the app is told these settings and none of the machine's.

    Args:
        storage: The connection string of the storage account of the host.
        settings: The app settings, which `func` reads from local.settings.json, as Azure has them for the host.
    """

    def __init__(self, folder: Path, *, storage: str, settings: dict[str, str]) -> None:
        super().__init__(folder, storage=storage)
        self.settings = settings
        self.of_the_host = {
            name: value
            for name, value in self.environment.items()
            if name.startswith("AzureFunctionsJobHost__") or name == "AzureWebJobsStorage"
        }
        machine = {name: self.environment[name] for name in _OF_THE_MACHINE if name in self.environment}
        self.environment = {**machine, **self.of_the_host, "FUNCTIONS_WORKER_RUNTIME": "python"}

    def copy_app(self) -> None:
        """Leave the folder of the app as it is."""

    def start(self) -> None:
        """Start the host with the settings of now."""
        text = json.dumps({"IsEncrypted": False, "Values": self.settings})
        file = self.app_folder / "local.settings.json"
        file.unlink(missing_ok=True)
        file.write_text(text, encoding="utf-8")
        super().start()

    def command(self) -> list[str]:
        writable = {gettempdir(), *(str(path) for path in (Path.home() / ".cache",) if path.is_dir())}
        read_only = ["sh", "-c", _READ_ONLY, "sh", str(self.app_folder), *sorted(writable), "--"]
        return [*_namespace(), *read_only, *super().command(), "--auth"]

    def headers(self) -> dict[str, str]:
        """Return the master key, which opens everything that the host guards."""
        said = _MASTER_KEY.findall(self.output())
        return {"x-functions-key": said[-1]} if said else {}

    def function_key(self, function: str | None = None) -> str:
        """Return a key of callers: that of one function, or the one for all."""
        path = "host" if function is None else f"functions/{function}"
        answer = httpx.get(f"{self.url}/admin/{path}/keys", headers=self.headers(), timeout=30)
        assert answer.status_code == 200, answer.text
        return str(next(key["value"] for key in answer.json()["keys"] if key["name"] == "default"))

    def client(self) -> httpx.Client:
        """Return a client with the key that callers have."""
        return httpx.Client(base_url=self.url, timeout=60, headers={"x-functions-key": self.function_key()})

    def routes(self) -> Iterator[tuple[str, str, str]]:
        """Yield the name of each function with a route, a method and a path of it."""
        functions = httpx.get(f"{self.url}/admin/functions", headers=self.headers(), timeout=30).json()
        for function in functions:
            for binding in function["config"]["bindings"]:
                if binding["type"] == "httpTrigger":
                    path = re.sub(r"\{[^}]+\}", "x", binding["route"])
                    yield from ((function["name"], method, path) for method in binding["methods"])

    def operator(self) -> dict[str, str]:
        """Return what an operator sends beside the key of callers."""
        return {OPERATOR_KEY_HEADER: self.settings["OPERATOR_KEY"]}

    def told(self) -> dict[str, str]:
        """Return the environment of the process that runs the app."""
        pairs = Path(f"/proc/{self.worker()}/environ").read_bytes().decode().split("\0")
        return dict(pair.partition("=")[::2] for pair in pairs if pair)

    def write_error(self, folder: Path) -> int | None:
        """Return the number of the error with which the process that runs the app cannot write into a folder."""
        file = Path(f"/proc/{self.worker()}/root{folder}/{uuid.uuid4().hex}")
        try:
            file.write_text("")
        except OSError as error:
            return error.errno
        file.unlink()
        return None


@functools.cache
def cannot_run() -> str | None:
    """Return why this machine cannot show an app as it is deployed, or None if it can."""
    said = subprocess.run(["func", "start", "--help"], capture_output=True, text=True, check=False)
    if "--auth" not in said.stdout:
        return "this func has no --auth, with which it asks for keys and says what the master key is"
    script = ["sh", "-c", "mount --bind /tmp /tmp && mount -o remount,bind,ro / && test ! -w /"]
    tried = subprocess.run([*_namespace(), *script], capture_output=True, text=True, check=False)
    return (
        f"no mount namespace here, and so no disk that can only be read: {tried.stderr}" if tried.returncode else None
    )


def _namespace() -> list[str]:
    return ["unshare", "--mount", *(() if os.getuid() == 0 else ("--map-root-user",))]
