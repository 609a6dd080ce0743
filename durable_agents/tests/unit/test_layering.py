"""Who may import whom: the library's folders in one order, and nothing of the template, not even in tests."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import durable_agents

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "durable_agents"
# Each imports those after it. What is not listed, a single module at the top, is of the first or of the last layer.
ORDER = [
    {"testing", "web", "audit"},
    {"app"},
    {"routes"},
    {"workflows", "streams"},
    {"runs"},
    {"orchestration"},
    {"activities"},
    {"sessions"},
    {"storage", "chat_clients", "http"},
    {"settings", "binding", "indexing", "payloads", "polling", "seal", "mail_service"},
    {"mail", "determinism"},
    {"characters", "ids", "limits", "owners", "threads", "__version__"},
]
RANKS = {name: rank for rank, names in enumerate(ORDER) for name in names}


def modules(folder: Path) -> Iterator[Path]:
    """Yield the modules of a library, without its tests and benchmarks, and without what a new project is made of."""
    aside = {"tests", "bench", "bare"}
    yield from (file for file in folder.rglob("*.py") if not aside & set(file.relative_to(folder).parts))


def imports_of(file: Path) -> Iterator[str]:
    """Yield every module that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module}.{alias.name}" for alias in node.names)


def of_the_template() -> set[str]:
    """Return the names under which anything beside the libraries can be imported from the project's folder."""
    entries = [path for path in ROOT.iterdir() if path.name not in ("devhost", "durable_agents")]
    folders = {path.name for path in entries if path.is_dir() and any(path.glob("*.py"))}
    return folders | {path.stem for path in entries if path.suffix == ".py"} | {"tests", "examples"}


def test_the_folders_of_the_library_import_downwards_only() -> None:
    upwards = set()
    for file in modules(LIBRARY):
        layer = file.relative_to(LIBRARY).parts[0].removesuffix(".py")
        for imported in imports_of(file):
            package, _, rest = imported.partition(".")
            assert package, f"{file} has a relative import, which hides which folder is meant"
            other = rest.partition(".")[0]
            if package == "durable_agents" and layer != "__init__" and other != layer:
                upwards |= set() if RANKS[layer] < RANKS[other] else {(layer, other, file.name)}
    assert upwards == set()


def test_the_library_imports_nothing_of_the_template_and_nothing_of_devhost() -> None:
    others = of_the_template() | {"devhost"}
    found = {(file.name, name) for file in modules(LIBRARY) for name in imports_of(file)}
    assert {(file, name) for file, name in found if name.partition(".")[0] in others} == set()


def test_devhost_imports_neither() -> None:
    others = of_the_template() | {"durable_agents"}
    found = {(file.name, name) for file in modules(ROOT / "devhost") for name in imports_of(file)}
    assert {(file, name) for file, name in found if name.partition(".")[0] in others} == set()


def files_of_tests(library: str) -> set[Path]:
    """Return the files of a library's tests; those in `template/` are about the project that it is shipped with."""
    files = {file for file in (ROOT / library).rglob("*.py") if "tests" in file.relative_to(ROOT).parts}
    files -= set((ROOT / "devhost" / "project" / "bare").rglob("*.py"))
    return {file for file in files if not file.is_relative_to(LIBRARY / "tests" / "template")}


@pytest.mark.parametrize(("library", "others"), [("durable_agents", set()), ("devhost", {"durable_agents"})])
def test_the_tests_of_a_library_import_nothing_of_the_template(library: str, others: set[str]) -> None:
    """So whoever changes or deletes what is theirs finds no test red that is not."""
    forbidden = of_the_template() | others
    found = {(file.name, name) for file in files_of_tests(library) for name in imports_of(file)}
    assert {(file, name) for file, name in found if name.partition(".")[0] in forbidden} == set()


def test_the_tests_of_the_library_run_no_app_but_their_own(app_root: Path) -> None:
    assert app_root.is_relative_to(LIBRARY / "tests")
    # That is the folder of the template.
    named = {
        file.name for file in files_of_tests("durable_agents") if re.search(r"\bREPOSITORY\b", file.read_text("utf-8"))
    }
    assert named <= {Path(__file__).name}


PUBLIC = {
    "durable_agents",
    "durable_agents.mail",
    "durable_agents.mail_service",
    "durable_agents.settings.fields",
    "durable_agents.testing",
    "durable_agents.web",
}


def test_what_the_template_imports_of_the_library_is_public() -> None:
    folders = [ROOT / name for name in ("agents", "activities", "entities", "orchestrations", "routes", "workflows")]
    files = [*ROOT.glob("*.py"), *(file for folder in folders for file in folder.rglob("*.py"))]
    imported = {(file.name, name) for file in files for name in imports_of(file) if name.startswith("durable_agents")}
    assert {(file, name) for file, name in imported if name.rpartition(".")[0] not in PUBLIC} == set()
    assert {name for _, name in imported if name.count(".") == 1} - {
        "durable_agents.mail",
        "durable_agents.mail_service",
    } <= {f"durable_agents.{name}" for name in durable_agents.__all__}
