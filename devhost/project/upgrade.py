"""`dev.py upgrade`: the two libraries of a newer version of the template, and the pins that they need."""

from collections.abc import Mapping
from pathlib import Path

from devhost.project import manifest, pins
from devhost.project.files import copy_file, walk
from devhost.project.manifest import LIBRARIES, UNSHIPPED, ManifestError
from devhost.project.replacement import new_area, replace
from devhost.project.setup_lock import exclusive_setup
from devhost.project.source import SourceError, opened
from devhost.project.usage import UsageError
from devhost.project.versions import Version, VersionError, sections_after

_CHANGELOG = "CHANGELOG.md"
_LIBRARY_PINS = ("devhost/requirements.txt", "devhost/requirements-worker.txt")
_REQUEST = "it takes one folder or archive: python3 dev.py upgrade ../durable-agents-0.3.0.zip"


def command(root: Path, flags: list[str]) -> int:
    """Upgrade the project and say what has changed, or change nothing and say why."""
    if len(flags) != 1 or flags[0].startswith("-"):
        raise UsageError(_REQUEST)
    try:
        with opened(Path(flags[0]).resolve()) as source:
            return _upgrade(root, source)
    except (SourceError, VersionError, ManifestError) as error:
        raise UsageError(f"{error}. Nothing was changed.") from error


def _upgrade(root: Path, source: Path) -> int:
    before = {library: Version.of_library(root / library) for library in LIBRARIES}
    after = {library: Version.of_library(source / library) for library in LIBRARIES}
    for library in LIBRARIES:
        if after[library] < before[library]:
            raise UsageError(
                f"{library} is {before[library]} here, and the other is older: {after[library]}. Nothing was changed."
            )
    if before == after:
        versions = ", ".join(f"{library} {version}" for library, version in after.items())
        print(f"There is nothing to do: {versions} is what this project has.")
        return 0
    with exclusive_setup(root):
        _refuse_edited(root)
        _refuse_damaged(source)
        area = new_area(root)
        dropped = [name for library in LIBRARIES for name in _stage_library(root, source, area, library)]
        copy_file(source / "dev.py", area / "dev.py")
        changes = _stage_pins(root, source, area)
        news = _news(source, before, after)
        replace(root)
    print(news)
    for change in changes:
        print(change)
    for name in dropped:
        print(f"{name}: the new version comes without, so it is gone")
    print("Upgraded. Now: python3 dev.py test")
    return 0


def _refuse_edited(root: Path) -> None:
    try:
        edited = [one for library in LIBRARIES for one in manifest.differences(root, library)]
    except ManifestError as error:
        raise UsageError(
            f"{error}, so that your edits could get lost. Make a new project with the other version (there: python3 "
            f"dev.py new FOLDER) and copy what is yours into it. Nothing was changed."
        ) from error
    if edited:
        raise UsageError(
            "an upgrade replaces the libraries whole, and here they are not as they were released:\n  "
            + "\n  ".join(map(str, edited))
            + "\nUndo that, and move what you need into your own folders. Nothing was changed."
        )


def _refuse_damaged(source: Path) -> None:
    wrong = [one for library in LIBRARIES for one in manifest.differences(source, library)]
    if wrong:
        raise SourceError(
            "the other version is damaged, or was edited since its release (its authors: python3 dev.py release):\n  "
            + "\n  ".join(map(str, wrong))
            + "\n"
        )


def _stage_library(root: Path, source: Path, area: Path, library: str) -> list[str]:
    """Put the new library together, and return which of its folders this project has and the new version has not."""
    for name in [manifest.NAME, *manifest.shipped(source, library)]:
        copy_file(source / library / name, area / library / name)
    dropped = []
    for folder in (name for name in UNSHIPPED if (root / library / name).is_dir()):
        if not (source / library / folder).is_dir():
            dropped.append(f"{library}/{folder}")
            continue
        for name in walk(source / library / folder):
            copy_file(source / library / folder / name, area / library / folder / name)
    return dropped


def _stage_pins(root: Path, source: Path, area: Path) -> list[pins.Change]:
    merged, changes = pins.merge(_texts(root, pins.MERGED), _texts(source, (*pins.MERGED, *_LIBRARY_PINS)))
    for name, text in merged.items():
        (area / name).write_bytes(text.encode("utf-8"))
    return changes


def _texts(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    return {name: (folder / name).read_bytes().decode("utf-8") for name in names if (folder / name).is_file()}


def _news(source: Path, before: Mapping[str, Version], after: Mapping[str, Version]) -> str:
    """Return what the changelogs of the libraries say about what is new here."""
    parts = []
    for library in LIBRARIES:
        parts.append(f"{library} {before[library]} -> {after[library]}")
        changelog = source / library / _CHANGELOG
        if changelog.is_file():
            parts.append(sections_after(changelog.read_text(encoding="utf-8"), before[library]))
    return "\n\n".join(part for part in parts if part) + "\n"
