"""Whatever is in the files that the doctor reads, it says something of it, and does not fail itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from devhost.doctor.command import examine
from devhost.doctor.finding import as_json, as_text
from devhost.tests.unit.doctor.sick_app import place_of, write_app

ROOT = Path(__file__).parents[4]
FILES = (
    ".devhost/state.db",
    ".devhost/state.db.lock",
    ".funcignore",
    "constraints.txt",
    "function_app.py",
    "host.json",
    "infra/main.parameters.json",
    "local.settings.json",
    "requirements.txt",
)
CONTENTS = (
    b"",
    b"\xff\xfe\x00broken\x1b[31m",
    b"null",
    b"[]",
    b'"text"',
    b'{"extensions": 1, "extensionBundle": [], "Values": 1, "parameters": []}',
    b'{"extensions": {"durableTask": {"hubName": 1, "storageProvider": "x"}}, "functionTimeout": {}}',
    b'{"Values": {"A": null}}',
    b'{"extensionBundle": {"id": 1, "version": "[..., *)"}, "parameters": {"extraSettings": {"value": [1]}}}',
    b'{"Values": {"SCHEDULER": ";;=;Endpoint=http://[", "AzureWebJobsStorage": "BlobEndpoint=http://localhost:x;="}}',
)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", CONTENTS, ids=range(len(CONTENTS)))
def test_a_broken_file(tmp_path: Path, name: str, content: bytes) -> None:
    app = write_app(tmp_path)
    (app / ".venv").unlink()
    (app / name).parent.mkdir(exist_ok=True)
    (app / name).write_bytes(content)
    found = examine(place_of(app))
    assert all(one.what and one.where and one.fix for one in found)
    assert "\x1b" not in as_text(found) + as_json(found)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_the_place_of_a_file(tmp_path: Path, name: str) -> None:
    app = write_app(tmp_path)
    (app / ".venv").unlink()
    (app / name).unlink(missing_ok=True)
    (app / name).mkdir(parents=True)
    as_text(examine(place_of(app)))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """An audit hook refuses it, for rights do not stop root."""
    app = write_app(tmp_path)
    (app / ".venv").unlink()
    program = (
        "import errno, sys\n"
        "from pathlib import Path\n"
        "from devhost.doctor.command import main\n"
        "def hook(event, arguments):\n"
        "    if event == 'open' and str(arguments[0]).endswith('requirements.txt'):\n"
        "        raise PermissionError(errno.EACCES, 'Permission denied', arguments[0])\n"
        "sys.addaudithook(hook)\n"
        "sys.exit(main(['--app-root', sys.argv[1]], Path('/nowhere')))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(app)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("unreadable: it cannot be read: Permission denied") == 1
