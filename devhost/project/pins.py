"""Requirement files of a project, brought up to the pins of a new version; what is the user's own stays."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from devhost.project.requirement_lines import is_pinned, logical_lines, normal_name, requirement

CONSTRAINTS = "constraints.txt"
# A later one includes those before it. constraints.txt speaks of what none of the others names.
MERGED = ("requirements.txt", "requirements-dev.txt", CONSTRAINTS)


@dataclass(frozen=True, slots=True)
class Change:
    """One package whose line in a file is another now; `before` is empty when there was none."""

    file: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.file}: {self.before or 'new'} -> {self.after}" if self.before else f"{self.file}: + {self.after}"


def merge(ours: Mapping[str, str], theirs: Mapping[str, str]) -> tuple[dict[str, str], list[Change]]:
    """Return the texts of our files with the pins of theirs, and what has changed in them.

    A package that any of their files pins gets their version, that of the same file first, in whichever file we name
    it; extras and comments of our line stay. What they name and we do not is added to the file in which they have it.
    """
    everywhere = _pins("\n".join(theirs.values()))
    merged: dict[str, str] = {}
    changes: list[Change] = []
    asked: set[str] = set()
    for file in (name for name in MERGED if name in ours):
        lines, changed = _with_pins(file, ours[file], everywhere | _pins(theirs.get(file, "")))
        asked |= _by_name(lines).keys()
        for name, found in _by_name(logical_lines(theirs.get(file, ""))).items():
            if name not in asked:
                lines += found
                changed += [Change(file, "", line) for line in found]
        asked |= _by_name(lines).keys()
        if changed:
            newline = "\r\n" if "\r\n" in ours[file] else "\n"
            merged[file] = newline.join("\n".join(lines).split("\n")) + newline
            changes += changed
    return merged, changes


def _pins(text: str) -> dict[str, list[str]]:
    return _by_name(line for line in logical_lines(text) if is_pinned(line))


def _with_pins(file: str, text: str, pinned: Mapping[str, list[str]]) -> tuple[list[str], list[Change]]:
    lines: list[str] = []
    changes: list[Change] = []
    mine = _by_name(logical_lines(text))
    done: set[str] = set()
    for line in logical_lines(text):
        match = requirement(line)
        name = normal_name(match["name"]) if match else ""
        if match is None or name not in pinned:
            lines.append(line)
        elif name not in done:
            done.add(name)
            after = _as_ours(mine[name], pinned[name])
            lines += after
            if _bare(after) != _bare(mine[name]):
                changes.append(Change(file, ", ".join(_bare(mine[name])), ", ".join(_bare(after))))
    return lines, changes


def _as_ours(ours: list[str], theirs: list[str]) -> list[str]:
    """Return their lines of one package, with the name, the extras and the comment of ours."""
    if _bare(ours) == _bare(theirs):
        return ours
    first = requirement(ours[0])
    assert first is not None
    name, comment = first["name"] + (first["extras"] or ""), first["comment"] or ""
    versions = [match["version"] for match in map(requirement, theirs) if match]
    return [f"{name}{version}{comment if number == 0 else ''}" for number, version in enumerate(versions)]


def _bare(lines: Iterable[str]) -> list[str]:
    matches = [match for match in map(requirement, lines) if match]
    return [f"{match['name']}{match['extras'] or ''}{match['version']}" for match in matches]


def _by_name(lines: Iterable[str]) -> dict[str, list[str]]:
    """Return the lines of each package, for one may have several with different markers, each once."""
    found: dict[str, list[str]] = {}
    for line in lines:
        match = requirement(line)
        if match and line.strip() not in found.setdefault(normal_name(match["name"]), []):
            found[normal_name(match["name"])].append(line.strip())
    return found
