"""Requirement files, read as pip reads them: one requirement a line, or several lines that end in a backslash."""

import re
from collections.abc import Iterator

_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)[ \t]*(?P<extras>\[[^\]]*\])?[ \t]*(?P<version>.*?)(?P<comment>[ \t]+#.*)?",
    re.DOTALL,
)


def logical_lines(text: str) -> Iterator[str]:
    """Yield the lines of a file, those that a backslash continues together with what follows."""
    whole = ""
    for line in text.splitlines():
        whole = f"{whole}\n{line}" if whole else line
        if not line.endswith("\\"):
            yield whole
            whole = ""
    if whole:
        yield whole


def requirement(line: str) -> re.Match[str] | None:
    """Return name, extras, version (with its marker) and comment of a line that names a package, else None.

    A path of a file names none, for its name is not said.
    """
    found = _REQUIREMENT.fullmatch(line.strip())
    if found is None or not re.match(r"[<>=!~;@\\]|$", found["version"]):
        return None
    return found


def normal_name(name: str) -> str:
    """Return the one spelling by which the package index knows a name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required(text: str) -> set[str]:
    """Return what a file asks for: the names of packages, and whole lines for what has no name there."""
    found = set()
    for line in logical_lines(text):
        match = requirement(line)
        if match:
            found.add(normal_name(match["name"]))
        elif line.strip() and not line.lstrip().startswith("#"):
            found.add(line.strip())
    return found


def is_pinned(line: str) -> bool:
    """Say whether a line is `name==version`."""
    match = requirement(line)
    return match is not None and match["version"].startswith("==")
