"""`dev.py new`: a project of its own, from what is the user's in this one and the two libraries."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from devhost.project import manifest
from devhost.project.files import CACHES, copy_file, remove, walk
from devhost.project.manifest import LIBRARIES
from devhost.project.setup_lock import exclusive_setup
from devhost.project.usage import UsageError

_REQUEST = "it takes one folder: python3 dev.py new ../my-agents [--bare]"
# What every new project gets in place of what this one has, and what one with --bare gets in the place of the samples.
_FRESH, _BARE = "devhost/project/fresh", "devhost/project/bare"
_PLACEHOLDER = "my-durable-agents"

_FILES = (
    "azure.yaml",
    "constraints.txt",
    "dev.py",
    "docker-compose.yml",
    "welcome.txt",
    "host.json",
    "local.settings.json.example",
    "pyproject.toml",
    "requests.http",
    "requirements-dev.txt",
    "requirements.txt",
    ".devcontainer/devcontainer.json",
    ".funcignore",
    ".gitattributes",
    ".github/workflows/azure-dev.yml",
    ".gitignore",
    ".vscode/extensions.json",
    ".vscode/launch.json",
    ".vscode/settings.json",
    ".vscode/tasks.json",
    "LICENSE",
)
_SAMPLES = frozenset({"samples.py", "welcome.txt", "requests.http"})
_WRITTEN_TO = (".agents", "outbox", "published")
_NOT_THE_USERS = frozenset({*LIBRARIES, *_WRITTEN_TO, *CACHES, "docs", "examples", "node_modules", "venv"})
_SECRET = re.compile(r"local\.settings\.json|\.env(\..*)?")

_FOLDER_NAME = re.compile(r"[^\W_][\w .-]*")
_PROJECT_NAME = re.compile(r"[a-z][a-z0-9-]{0,61}[a-z0-9]")


def command(root: Path, flags: list[str]) -> int:
    """Make the project and print how to go on, or make nothing and say why."""
    is_bare = "--bare" in flags
    folders = [flag for flag in flags if flag != "--bare"]
    if len(folders) != 1 or folders[0].startswith("-"):
        raise UsageError(_REQUEST)
    target = Path(folders[0])
    folder = target.resolve()
    name = project_name(folder.name)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{target} exists and is not an empty folder. Nothing was changed.")
    with exclusive_setup(root):
        _make(root, folder, name, is_bare=is_bare)
    print(f"Made the project {name!r}. Go on with:\n\n    cd {_quoted(str(target))}\n    python3 dev.py start\n")
    print("python3 dev.py test tests runs its tests. README.md says what is yours, and how to add an agent.")
    return 0


def project_name(folder_name: str) -> str:
    """Return the name of the project in a folder, for files that allow small letters, digits and hyphens only.

    Raises:
        UsageError: The name of the folder cannot be made one.
    """
    plain = unicodedata.normalize("NFKD", folder_name.casefold()).encode("ascii", "ignore").decode("ascii")
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if not _FOLDER_NAME.fullmatch(folder_name) or not _PROJECT_NAME.fullmatch(name):
        raise UsageError(
            f"{folder_name!r} cannot name a project: take 2 to 63 letters, digits, spaces, hyphens, dots and "
            "underscores, the first a letter from a to z"
        )
    return name


def _make(root: Path, folder: Path, name: str, *, is_bare: bool) -> None:
    """Put the project together beside its place, so that a half-made one is never found there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    half_made = folder.parent / f".{folder.name}.half-made"
    remove(half_made)
    try:
        for file in _files(root, is_bare=is_bare):
            copy_file(root / file, half_made / file)
        for overlay in (_FRESH, _BARE) if is_bare else (_FRESH,):
            for file in walk(root / overlay):
                copy_file(root / overlay / file, half_made / file)
        for written_to in (one for one in _WRITTEN_TO if (root / one / ".gitkeep").is_file()):
            copy_file(root / written_to / ".gitkeep", half_made / written_to / ".gitkeep")
        _rename(half_made, name)
        if folder.exists():
            folder.rmdir()
        half_made.rename(folder)
    finally:
        remove(half_made)


def _files(root: Path, *, is_bare: bool) -> Iterator[str]:
    """Yield what a new project has of this one."""
    for name in _FILES:
        if (root / name).is_file() and not (is_bare and name in _SAMPLES):
            yield name
    for library in LIBRARIES:
        yield f"{library}/{manifest.NAME}"
        yield from (f"{library}/{name}" for name in manifest.shipped(root, library))
    for path in sorted(root.iterdir()):
        if path.is_file() and path.suffix == ".py" and path.name not in _FILES:
            if not (is_bare and path.name in _SAMPLES):
                yield path.name
        elif path.is_dir() and _is_the_users(path) and (path.name == "infra" or not is_bare):
            skipped = frozenset({"tests"} if is_bare else ())
            found = walk(path, skipped)
            yield from (f"{path.name}/{name}" for name in found if not _SECRET.fullmatch(Path(name).name))


def _is_the_users(folder: Path) -> bool:
    """Say whether a folder holds code of the app: not what tools keep there, nor another project."""
    if folder.name.startswith(".") or folder.name in _NOT_THE_USERS or folder.is_symlink():
        return False
    is_other = any((folder / name).exists() for name in ("host.json", "pyvenv.cfg", "package.json"))
    return not is_other and (folder.name == "infra" or any(folder.rglob("*.py")))


def _rename(folder: Path, name: str) -> None:
    """Give the files that say the name of a project the new one's."""
    _replace_line(folder / "azure.yaml", "name: ", f"name: {name}")
    _replace_line(folder / "pyproject.toml", "name = ", f'name = "{name}"')
    _replace_line(folder / "pyproject.toml", "version = ", 'version = "0.1.0"')
    _replace_line(folder / "pyproject.toml", "description = ", 'description = "Durable AI agents on Azure Functions."')
    readme = folder / "README.md"
    readme.write_text(readme.read_text(encoding="utf-8").replace(_PLACEHOLDER, name), encoding="utf-8", newline="\n")


def _replace_line(path: Path, start: str, line: str) -> None:
    """Replace the first line that starts so; a file that is not there, or has no such line, stays as it is."""
    if not path.is_file():
        return
    lines = path.read_bytes().decode("utf-8").splitlines(keepends=True)
    for number, old in enumerate(lines):
        if old.startswith(start):
            lines[number] = line + old[len(old.rstrip("\r\n")) :]
            path.write_bytes("".join(lines).encode("utf-8"))
            return


def _quoted(path: str) -> str:
    return path if re.fullmatch(r"[\w./~-]+", path) else f'"{path}"'
