"""An app that is well, in which the tests of the doctor make one thing wrong each."""

import json
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from devhost.doctor.finding import Finding
from devhost.doctor.place import Place

FUNCTION_APP = """
import azure.durable_functions as df

app = df.DFApp()


@app.activity_trigger(input_name="text")
def draft(text: str) -> str:
    return text


@app.orchestration_trigger(context_name="context")
def story(context):
    yield context.call_activity("draft", "a")
"""
HOST_JSON: dict[str, Any] = {
    "version": "2.0",
    "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.32.0, 5.0.0)"},
    "extensions": {
        "durableTask": {
            "hubName": "%TASKHUB_NAME%",
            "storageProvider": {"type": "azureManaged", "connectionStringName": "SCHEDULER"},
        }
    },
}
VALUES = {
    "FUNCTIONS_WORKER_RUNTIME": "python",
    "AzureWebJobsStorage": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=b",
    "TASKHUB_NAME": "default",
    "SCHEDULER": "Endpoint=https://a.westeurope.durabletask.io;Authentication=ManagedIdentity;ClientID=b",
}


def write_app(folder: Path, files: dict[str, str] | None = None) -> Path:
    """Write the app, with the environment of these tests; `files` are added, or take the place of its own."""
    all_files = {
        "function_app.py": FUNCTION_APP,
        "host.json": json.dumps(HOST_JSON),
        "local.settings.json": json.dumps({"IsEncrypted": False, "Values": VALUES}),
        "requirements.txt": f"azure-functions=={version('azure-functions')}\n",
    }
    for name, text in (all_files | (files or {})).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def place_of(folder: Path, **environ: str) -> Place:
    """Return the app in a folder as a place to look at."""
    return Place(folder, folder / ".devhost" / "state.db", folder / ".venv", environ)


def with_values(**values: str | None) -> dict[str, str]:
    """Return the settings file with other values; None removes one."""
    changed = {name: value for name, value in (VALUES | values).items() if value is not None}
    return {"local.settings.json": json.dumps({"IsEncrypted": False, "Values": changed})}


def with_host(**sections: Any) -> dict[str, str]:
    """Return host.json with other sections at its top."""
    return {"host.json": json.dumps(HOST_JSON | sections)}


def with_durable_task(**options: Any) -> dict[str, str]:
    """Return host.json with other options of durable functions."""
    return with_host(extensions={"durableTask": HOST_JSON["extensions"]["durableTask"] | options})


def only(found: Iterator[Finding]) -> Finding:
    """Return the one finding; more or none fail the test."""
    (one,) = found
    assert one.what and one.where and one.fix
    return one


def make(tmp_path: Path, check: Callable[[Place], Iterator[Finding]], files: dict[str, str]) -> Finding:
    """Write an app with these files and return the one thing that a check finds in it."""
    return only(check(place_of(write_app(tmp_path / "app", files))))
