"""What the official Bicep compiler says of the infrastructure: no word, and the same resources as were reviewed.

It is found as `bicep` on PATH, or by the environment variable BICEP. After a change that is meant, write the snapshots
anew, and read their difference:

    BICEP_SNAPSHOTS=overwrite python3 dev.py test infra/tests/test_compiler.py
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.tests.bicep_file import INFRA

SNAPSHOTS = Path(__file__).with_name("snapshots")
SETS = sorted(SNAPSHOTS.glob("*.bicepparam"))
MODE = os.environ.get("BICEP_SNAPSHOTS", "validate")
NOBODY = "00000000-0000-0000-0000-000000000000"
BICEP = os.environ.get("BICEP") or shutil.which("bicep")

pytestmark = [
    pytest.mark.skipif(BICEP is None, reason="no bicep on PATH: az bicep install, and say where in BICEP"),
    pytest.mark.timeout(180),
]


def bicep(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    assert BICEP is not None
    environment = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    command = [BICEP, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, check=False)


def test_it_has_nothing_to_say() -> None:
    """Every rule is an error in bicepconfig.json; what is no rule is a warning at least."""
    said = bicep("lint", INFRA / "main.bicep")
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_it_builds() -> None:
    built = bicep("build", INFRA / "main.bicep", "--stdout")
    assert built.returncode == 0, built.stderr
    assert json.loads(built.stdout)["$schema"].endswith("subscriptionDeploymentTemplate.json#")


@pytest.mark.parametrize("parameters", SETS, ids=lambda file: file.stem)
def test_a_deployment_makes_what_was_reviewed(parameters: Path) -> None:
    place = ["--subscription-id", NOBODY, "--tenant-id", NOBODY, "--location", "swedencentral"]
    said = bicep("snapshot", parameters, "--mode", MODE, *place, "--deployment-name", "azd")
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize(
    ("parameters", "lacking", "asked_for"),
    [
        ("sign_in", "authClientId", "AZURE_AUTH_CLIENT_ID"),
        pytest.param("production", "alertEmail", "AZURE_ALERT_EMAIL", marks=pytest.mark.thorough),
        pytest.param("production", "budgetStart", "AZURE_BUDGET_START", marks=pytest.mark.thorough),
    ],
)
def test_what_another_parameter_needs_is_asked_for(
    parameters: str, lacking: str, asked_for: str, tmp_path: Path
) -> None:
    right = SNAPSHOTS.joinpath(f"{parameters}.bicepparam").read_text(encoding="utf-8")
    file = tmp_path / "lacking.bicepparam"
    main = Path(os.path.relpath(INFRA / "main.bicep", tmp_path)).as_posix()
    lines = [line for line in right.splitlines()[1:] if not line.startswith(f"param {lacking} ")]
    file.write_text("\n".join([f"using '{main}'", *lines]) + "\n", encoding="utf-8")
    place = ["--subscription-id", NOBODY, "--tenant-id", NOBODY, "--location", "swedencentral"]
    said = bicep("snapshot", file, "--mode", "overwrite", *place, "--deployment-name", "azd")
    assert (said.returncode, asked_for in said.stderr) == (1, True), said.stderr


def test_wrong_parameters_are_refused_each_by_its_name(tmp_path: Path) -> None:
    wrong = {"location": "'mars'", "runRetentionDays": "90", "pythonVersion": "'3.14'", "extraSettings": "{ A: 1 }"}
    right = SNAPSHOTS.joinpath("default.bicepparam").read_text(encoding="utf-8")
    kept = [line for line in right.splitlines()[1:] if not line.startswith("param location ")]
    file = tmp_path / "wrong.bicepparam"
    main = Path(os.path.relpath(INFRA / "main.bicep", tmp_path)).as_posix()
    lines = [f"using '{main}'", *kept, *(f"param {name} = {value}" for name, value in wrong.items()), "param typo = 1"]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    said = bicep("build-params", file, "--stdout")
    assert said.returncode == 1
    errors = [line for line in said.stderr.splitlines() if " : Error " in line]
    numbers = sorted(int(line.partition("(")[2].partition(",")[0]) for line in errors)
    assert numbers == list(range(len(lines) - len(wrong), len(lines) + 1)), said.stderr
