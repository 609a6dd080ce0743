"""The manifests of this project's libraries are up to date."""

from pathlib import Path

import pytest

from devhost.project import manifest

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("library", manifest.LIBRARIES)
def test_the_manifest_says_what_the_library_consists_of(library: str) -> None:
    stale = [str(one) for one in manifest.differences(ROOT, library)]
    assert not stale, f"{library}/{manifest.NAME} is stale: run python3 dev.py release"
