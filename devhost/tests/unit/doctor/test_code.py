"""Why there are 0 functions: each fault is made, and named."""

from pathlib import Path

import pytest

from devhost.doctor import code
from devhost.doctor.finding import Level
from devhost.tests.unit.doctor.sick_app import FUNCTION_APP, make, only, place_of, write_app

BROKEN = FUNCTION_APP + "\n@app.activity_trigger(input_name='text')\ndef broken(other: str) -> str: return ''\n"


def test_a_folder_without_function_app(tmp_path: Path) -> None:
    app = write_app(tmp_path)
    (app / "function_app.py").unlink()
    one = only(code.missing_function_app(place_of(app)))
    assert one.level is Level.FAULT and "0 functions" in one.what
    assert [*code.app_not_looked_at(place_of(app))] == []


def test_a_module_that_does_not_parse_is_told_with_its_line_and_without_an_environment(tmp_path: Path) -> None:
    files = {
        "function_app.py": "from agents import writer\n",
        "agents/__init__.py": "",
        "agents/writer.py": "\nx = (\n",
    }
    assert make(tmp_path, code.syntax_errors, files).where == "agents/writer.py:2"
    assert [*code.failed_import(place_of(tmp_path / "app"))] == [], "it is told once"


def test_a_folder_that_is_imported_and_not_deployed(tmp_path: Path) -> None:
    files = {"function_app.py": "import agents.writer\n", "agents/writer.py": "", ".funcignore": "tests/\nagents/\n"}
    one = make(tmp_path, code.ignored_imports, files)
    assert "agents" in one.what and one.where == ".funcignore:2"


def test_without_an_environment_it_says_that_the_app_was_not_looked_at(tmp_path: Path) -> None:
    app = write_app(tmp_path)
    (app / ".venv").unlink()
    one = only(code.app_not_looked_at(place_of(app)))
    assert one.level is Level.WARNING and "not imported" in one.what
    assert [*code.failed_import(place_of(app))] == []


@pytest.mark.parametrize(
    ("files", "what", "where", "fix"),
    [
        (
            {"function_app.py": "from agents import writer\n", "agents/writer.py": "import no_such_package\n"},
            "No module named 'no_such_package'",
            "agents/writer.py:1",
            "requirements.txt",
        ),
        (
            {"function_app.py": "\nimport agents.critic\n", "agents/__init__.py": ""},
            "No module named 'agents.critic'",
            "function_app.py:2",
            "does it exist",
        ),
        (
            {
                "function_app.py": "import settings\n",
                "settings.py": "def read():\n    raise ValueError('X is 1')\nread()",
            },
            "ValueError: X is 1",
            "settings.py:2",
            "Put this line right",
        ),
        (
            {
                "function_app.py": "\nimport library\nlibrary.read()\n",
                "library/__init__.py": "def read(): raise KeyError('NAME')\n",
                "library/pyproject.toml": "",
            },
            "KeyError: 'NAME'",
            "function_app.py:3",
            "setting",
        ),
        ({"function_app.py": "import os\nos._exit(3)\n"}, "ends the process with status 3", "function_app.py", "line"),
        ({"function_app.py": "print('no app')\n"}, "", "function_app.py", ""),
    ],
    ids=["package", "module", "setting", "in a library", "exit", "no app"],
)
def test_what_the_import_raises_is_told_with_its_line(
    tmp_path: Path, files: dict[str, str], what: str, where: str, fix: str
) -> None:
    one = make(tmp_path, code.failed_import, files)
    assert "0 functions" in one.what and what in one.what
    assert one.where == where and fix in one.fix


def test_an_app_without_functions(tmp_path: Path) -> None:
    one = make(tmp_path, code.no_functions, {"function_app.py": "import azure.functions as f\napp = f.FunctionApp()\n"})
    assert "registers no function" in one.what


def test_one_function_that_cannot_be_indexed_takes_all_others_with_it(tmp_path: Path) -> None:
    one = make(tmp_path, code.unindexed_functions, {"function_app.py": BROKEN})
    assert "'broken'" in one.what and "0 functions on Azure" in one.what


def test_a_name_that_the_host_cannot_bind(tmp_path: Path) -> None:
    text = FUNCTION_APP.replace('input_name="text"', 'input_name="the_text"').replace("(text: str)", "(the_text: str)")
    one = make(tmp_path, code.refused_functions, {"function_app.py": text.replace("return text", "return the_text")})
    assert "'draft'" in one.what and "the_text" in one.what


def test_a_function_whose_requests_another_one_takes(tmp_path: Path) -> None:
    text = "import azure.functions as f\napp = f.FunctionApp()\n"
    text += "@app.route(route='b/{x}')\ndef a_any(req: f.HttpRequest) -> str: return ''\n"
    text += "@app.route(route='b/one')\ndef b_one(req: f.HttpRequest) -> str: return ''\n"
    one = make(tmp_path, code.hidden_functions, {"function_app.py": text})
    assert one.level is Level.WARNING and "'b_one' is never reached: a_any comes first" in one.what


def test_another_environment_that_is_active(tmp_path: Path) -> None:
    app = write_app(tmp_path)
    assert only(code.another_environment(place_of(app, VIRTUAL_ENV="/opt/other"))).level is Level.WARNING
    assert [*code.another_environment(place_of(app, VIRTUAL_ENV=str(app / ".venv")))] == []
