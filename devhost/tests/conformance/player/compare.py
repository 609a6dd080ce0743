"""Compares what a host answered with what was recorded."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .play import Json

_ACTIVITY_FAILED = re.compile(r"(Activity function '[^']*' failed: ) ")


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of comparing a play with its recording, name by name."""

    played: int
    differing: dict[str, list[str]]
    """What differs without leave, a sentence for each place."""
    on_purpose: list[str]
    """The names that differ and may."""

    @property
    def as_recorded(self) -> int:
        return self.played - len(self.differing) - len(self.on_purpose)

    def details(self, places: int) -> Iterator[str]:
        """Return lines that tell what differs, up to so many places of each name."""
        for name, sentences in self.differing.items():
            yield name
            yield from (f"    {sentence}" for sentence in sentences[:places])


def compare(want: Mapping[str, Json], got: Mapping[str, Json], may_differ: Collection[str] = ()) -> Comparison:
    """Compare all that was played, `got`, with the recording, `want`; names in `may_differ` do so on purpose."""
    differing: dict[str, list[str]] = {}
    on_purpose = []
    for name, value in got.items():
        sentences = list(differences(want[name], value)) if name in want else ["not in the recording"]
        if sentences and name in may_differ:
            on_purpose.append(name)
        elif sentences:
            differing[name] = sentences
    return Comparison(len(got), differing, on_purpose)


def differences(want: Json, got: Json, path: str = "") -> Iterator[str]:
    """Return one sentence for each place where two JSON values differ; `path` leads to the place, as in `[2].body`."""
    if isinstance(want, dict) and isinstance(got, dict):
        yield from _in_mappings(want, got, path)
    elif isinstance(want, list) and isinstance(got, list):
        yield from _in_lists(want, got, path)
    elif _one_spelling(want) != _one_spelling(got):
        yield f"{path}: {_shown(got)}, expected {_shown(want)}"


def _in_mappings(want: Mapping[str, Json], got: Mapping[str, Json], path: str) -> Iterator[str]:
    for key in sorted(want.keys() | got.keys()):
        if key not in got:
            yield f"{path}.{key}: missing, expected {_shown(want[key])}"
        elif key not in want:
            yield f"{path}.{key}: unexpected {_shown(got[key])}"
        else:
            yield from differences(want[key], got[key], f"{path}.{key}")


def _in_lists(want: Sequence[Json], got: Sequence[Json], path: str) -> Iterator[str]:
    if len(want) != len(got):
        yield f"{path}: {len(got)} items, expected {len(want)}"
    for index, (wanted, given) in enumerate(zip(want, got, strict=False)):
        yield from differences(wanted, given, f"{path}[{index}]")


def _one_spelling(value: Json) -> Json:
    """Return the value as 3.19.0 of the extension writes it: in an activity's failure it has one blank, once two."""
    return _ACTIVITY_FAILED.sub(r"\1", value) if isinstance(value, str) else value


def _shown(value: Json) -> str:
    return json.dumps(value)[:200]
