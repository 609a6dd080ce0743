from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]


def test_what_only_the_benchmarks_need_is_pinned_and_fits_the_rest() -> None:
    bench, rest = pins("devhost/bench/requirements.txt"), pins("constraints.txt") | pins("requirements-dev.txt")
    assert {"dbos", "durabletask"} <= set(bench)
    assert all(version.startswith("==") for version in bench.values())
    assert {name: rest[name] for name in bench.keys() & rest.keys()} == {
        name: bench[name] for name in bench.keys() & rest.keys()
    }


def pins(file: str) -> dict[str, str]:
    """Return the version that a requirements file asks for of each package it names."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines())
    found = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return {one.name.lower(): str(one.specifier) for one in found}
