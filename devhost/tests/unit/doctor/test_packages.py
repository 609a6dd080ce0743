"""Environments that the app cannot run in, or not as on Azure."""

from pathlib import Path

import pytest

from devhost.doctor import packages
from devhost.doctor.finding import Level
from devhost.doctor.place import Place
from devhost.tests.unit.doctor.sick_app import make, only, place_of, write_app


def environment(folder: Path, version: str = "3.12.1", packages_of: str = "3.12") -> Place:
    """Write an app with an environment of its own, in which httpx 1.0 is installed."""
    app = write_app(folder, {"requirements.txt": "azure-functions==1.0\nhttpx==1.0\n"})
    (app / ".venv").unlink()
    installed = app / ".venv" / "lib" / f"python{packages_of}" / "site-packages"
    for name in ("httpx", "azure_functions"):
        (installed / f"{name}-1.0.dist-info").mkdir(parents=True)
        (installed / f"{name}-1.0.dist-info" / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
    (app / ".venv" / "pyvenv.cfg").write_text(f"home = /gone/bin\nversion = {version}\n")
    return place_of(app)


def test_an_environment_whose_python_is_gone(tmp_path: Path) -> None:
    place = environment(tmp_path)
    (place.venv / "bin").mkdir()
    (place.venv / "bin" / "python").symlink_to("/gone/bin/python3.12")
    assert "is gone" in only(packages.broken_interpreter(place)).what


@pytest.mark.parametrize("version", ["3.10.4", "3.14.0"])
def test_an_environment_of_a_python_that_the_pins_are_not_for(tmp_path: Path, version: str) -> None:
    assert version.rpartition(".")[0] in only(packages.wrong_interpreter(environment(tmp_path, version))).what


def test_packages_that_another_python_has_installed(tmp_path: Path) -> None:
    one = only(packages.packages_of_another_python(environment(tmp_path, "3.12.1", packages_of="3.11")))
    assert "python3.11" in one.what


def test_a_package_that_is_not_installed(tmp_path: Path) -> None:
    place = environment(tmp_path)
    assert [*packages.missing_packages(place)] == []
    (place.app_root / "requirements.txt").write_text('httpx==1.0\nRedis==8.0\nuvloop==1.0; sys_platform == "x"\n')
    one = only(packages.missing_packages(place))
    assert one.level is Level.FAULT and "redis" in one.what and "httpx" not in one.what and "uvloop" not in one.what


def test_a_package_in_another_version_than_pinned(tmp_path: Path) -> None:
    place = environment(tmp_path)
    assert [*packages.other_versions(place)] == []
    (place.app_root / "constraints.txt").write_text("httpx==1.1\n")
    (place.app_root / "requirements.txt").write_text("-c constraints.txt\nhttpx\n")
    one = only(packages.other_versions(place))
    assert one.level is Level.WARNING and "httpx 1.0 (pinned: 1.1)" in one.what


def test_a_requirement_without_a_version(tmp_path: Path) -> None:
    files = {"requirements.txt": "azure-functions==1.0\nhttpx>=1.0\nanyio\n-r more.txt\n", "more.txt": "redis\n"}
    one = make(tmp_path, packages.unpinned_requirements, files | {"constraints.txt": "anyio==1.0\n"})
    assert "httpx" in one.what and "redis" in one.what and "anyio" not in one.what


def test_what_azure_would_install_is_nothing(tmp_path: Path) -> None:
    assert "azure-functions" in make(tmp_path, packages.no_requirements, {"requirements.txt": "httpx==1.0\n"}).what
    (tmp_path / "app" / "requirements.txt").unlink()
    assert "there is no requirements.txt" in only(packages.no_requirements(place_of(tmp_path / "app"))).what
