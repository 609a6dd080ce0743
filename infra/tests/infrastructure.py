"""The files that say what is deployed, of this project or of a copy of it."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from infra.tests.bicep_file import INFRA, BicepFile, Declaration


class Infrastructure:
    """What stands in `infra/`, azure.yaml and host.json of a project, read when it is asked for."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.infra = project / "infra"

    @cached_property
    def bicep(self) -> dict[str, BicepFile]:
        """The Bicep files by the names that they have without their ending."""
        return {path.stem: BicepFile(path) for path in sorted(self.infra.rglob("*.bicep"))}

    @property
    def main(self) -> BicepFile:
        return self.bicep["main"]

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """What azd passes: each parameter, and the text or value that it gets."""
        read = json.loads(self.read("infra/main.parameters.json"))["parameters"]
        return {name: value["value"] for name, value in read.items()}

    @cached_property
    def azure(self) -> dict[str, Any]:
        read: dict[str, Any] = yaml.safe_load(self.read("azure.yaml"))
        return read

    @cached_property
    def host(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.read("host.json"))
        return read

    def read(self, name: str) -> str:
        return (self.project / name).read_text(encoding="utf-8")

    def resource(self, file: str, name: str) -> Declaration:
        declared = self.bicep[file].declared("resource")
        assert name in declared, f"{file}.bicep has no resource {name!r}"
        return declared[name]

    def resources(self) -> list[tuple[str, Declaration]]:
        """Return all that is created, each with the file that it stands in; what is only read is left out."""
        found = [(stem, one) for stem, file in self.bicep.items() for one in file.declared("resource").values()]
        return [(stem, one) for stem, one in found if not one.is_existing]


THIS_PROJECT = Infrastructure(INFRA.parent)
