"""Versions of the libraries are ordered as pip orders them."""

import itertools
from pathlib import Path

import pytest

from devhost.project.versions import Version, VersionError, sections_after

ORDERED = ["0.1.9", "0.2.dev1", "0.2a1", "0.2b1", "0.2rc1", "0.2.0", "0.2.0.post1", "0.2.1", "0.10", "1.0", "1.0.1"]


def test_the_order() -> None:
    versions = [Version(text) for text in ORDERED]
    assert sorted(reversed(versions), key=str) != versions
    assert all(left < right for left, right in itertools.pairwise(versions))
    assert Version("1.0") == Version("1.0.0")


@pytest.mark.parametrize("text", ["", "x", "1.0-final", "v1"])
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(VersionError):
        Version(text)


@pytest.mark.parametrize("text", [None, "[project]\nname = 'x'\n", "not toml"])
def test_a_library_that_does_not_say_its_version(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(VersionError, match=r"pyproject\.toml"):
        Version.of_library(tmp_path)


def test_a_version_that_is_said_in_the_module(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\ndynamic = ['version']\n")
    with pytest.raises(VersionError, match=r"__init__\.py has no __version__"):
        Version.of_library(tmp_path)
    (tmp_path / "__init__.py").write_text('"""X."""\n\n__version__ = "0.3.1"\n')
    assert Version.of_library(tmp_path) == Version("0.3.1")


def test_the_sections_above_a_version() -> None:
    changelog = "# C\n\n## Unreleased\n\n- u\n\n## [0.3.0] - 2027\n\n- three\n\n## v0.2.1\n\n- b\n\n## 0.2.0\n\n- two\n"
    assert sections_after(changelog, Version("0.2.0")) == "## [0.3.0] - 2027\n\n- three\n\n## v0.2.1\n\n- b"
    assert sections_after(changelog, Version("0.3.0")) == ""
