"""devhost answers as Microsoft's Functions host was recorded to answer on Azure Storage, or better on purpose."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from devhost.tests.conformance.player.compare import differences
from devhost.tests.conformance.player.devhost_process import devhost_process
from devhost.tests.conformance.player.newest import as_newest
from devhost.tests.conformance.player.play import Play
from devhost.tests.conformance.player.real_host import NOT_REPLAYED, replay

RECORDINGS = Path(__file__).resolve().parent / "recordings"


def recording(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RECORDINGS / name).read_text(encoding="utf-8"))
    return content


RECORDED = {name: case["azure_storage"] for name, case in recording("real_host.json").items()}
DIFFERS = recording("real_host_differs.json")


@pytest.fixture(scope="module")
def played() -> Iterator[dict[str, Any]]:
    """All cases that can be replayed, played at once against a devhost on a new hub."""
    names = [name for name in RECORDED if name not in NOT_REPLAYED]
    with devhost_process() as url, ThreadPoolExecutor(16) as pool:
        answers = pool.map(lambda name: _replay(url, name), names)
        yield dict(zip(names, answers, strict=True))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [name for name in RECORDED if name not in NOT_REPLAYED])
def test_a_case_is_answered_as_on_azure_but_where_it_is_named(played: dict[str, Any], name: str) -> None:
    want: Any = as_newest({name: RECORDED[name]})[name]
    pairs = [(one, other) for one, other in zip(want, played[name], strict=True) if other is not None]
    sentences = {
        place: list(differences(one, other))
        for place, (one, other) in zip(_places(played[name]), pairs, strict=True)
        if one != other
    }
    assert sentences.keys() == DIFFERS.get(name, {}).keys(), json.dumps(sentences, indent=1, ensure_ascii=False)


def test_most_of_what_was_recorded_is_replayed(played: dict[str, Any]) -> None:
    assert len(RECORDED) == 60
    assert NOT_REPLAYED.keys() <= RECORDED.keys()
    assert DIFFERS.keys() <= RECORDED.keys() - NOT_REPLAYED.keys()
    assert all(re.fullmatch(r"\d+", place) and reason for case in DIFFERS.values() for place, reason in case.items())


def _replay(url: str, name: str) -> list[Any]:
    may_differ = {int(place) for place in DIFFERS.get(name, ())}
    return replay(Play(url, "http://nowhere"), name, RECORDED[name], may_differ)


def _places(answers: list[Any]) -> list[str]:
    return [str(index) for index, answer in enumerate(answers) if answer is not None]
