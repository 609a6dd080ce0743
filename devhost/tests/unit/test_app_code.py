"""What is the code of an app, and when it has changed."""

import importlib.util
import py_compile
import shutil
from pathlib import Path
from threading import Event

import pytest

from devhost.app_code import AppCode


@pytest.fixture
def code(tmp_path: Path) -> AppCode:
    """The code of an app in `tmp_path`, as it is now."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "module.py").write_text("NAME = 1\n")
    (tmp_path / "host.json").write_text("{}")
    code = AppCode(tmp_path, Event())
    code.take()
    return code


def changed(code: AppCode) -> list[str]:
    """Return what has changed once the system had the time to say so."""
    return code.changed() or code.changed()


def test_nothing_has_changed_at_first(code: AppCode) -> None:
    assert changed(code) == []


@pytest.mark.parametrize("name", ["function_app.py", "package/module.py", "new/deep/module.py", "host.json"])
@pytest.mark.parametrize("setting", ["local.settings.json", "local.settings.json.example"])
def test_code_and_settings_are_told_until_they_are_taken(
    code: AppCode, tmp_path: Path, name: str, setting: str
) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("NAME = 'other'\n")
    (tmp_path / setting).write_text("{}")
    expected = sorted([str(tmp_path / name), str(tmp_path / setting)])
    assert changed(code) == changed(code) == expected
    code.take()
    assert changed(code) == []


@pytest.mark.parametrize(
    "name",
    [
        *(".venv/a.py", ".devhost/a.py", ".agents/a.py", ".git/a.py", "outbox/a.py", "published/a.py", "tests/a.py"),
        *("node_modules/a.py", "__pycache__/a.py", "package/tests/a.py", "notes.md", ".module.py.swp", "module.py~"),
    ],
)
def test_anything_else_is_not_told(code: AppCode, tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("NAME = 'other'\n")
    assert changed(code) == []


def test_what_is_gone_is_told_also_with_its_folder(code: AppCode, tmp_path: Path) -> None:
    assert changed(code) == []
    shutil.rmtree(tmp_path / "package")
    assert changed(code) == [str(tmp_path / "package" / "module.py")]


def test_a_folder_that_is_gone_as_a_whole_is_told_and_found_again(code: AppCode, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path)
    assert len(changed(code)) == 2
    code.take()
    tmp_path.mkdir()
    (tmp_path / "host.json").write_text("{}")
    assert changed(code) == [str(tmp_path / "host.json")]


def test_changes_are_found_where_the_system_tells_of_none(
    code: AppCode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "1")
    monkeypatch.setenv("WATCHFILES_POLL_DELAY_MS", "60000")
    assert changed(code) == []
    (tmp_path / "host.json").write_text("{ }")
    assert changed(code) == [str(tmp_path / "host.json")]


def test_what_python_compiled_of_a_changed_file_is_forgotten(code: AppCode, tmp_path: Path) -> None:
    module, other = tmp_path / "package" / "module.py", tmp_path / "other.py"
    other.write_text("NAME = 3\n")
    code.take()
    for path in (module, other):
        py_compile.compile(str(path))
    module.write_text("NAME = 2\n")
    code.take()
    assert not Path(importlib.util.cache_from_source(str(module))).exists()
    assert Path(importlib.util.cache_from_source(str(other))).exists()
