"""The Bicep files can be parsed and fit each other: what of the compiler can be had without it."""

import json
import re

import pytest

from infra.tests.bicep_file import INFRA, BicepFile, Declaration, bicep_files, unquoted

FILES = bicep_files()
MAIN = BicepFile(INFRA / "main.bicep")
DECORATORS = {
    "allowed",
    "description",
    "export",
    "maxLength",
    "maxValue",
    "metadata",
    "minLength",
    "minValue",
    "secure",
}
DECORATORS |= {"onlyIfNotExists"}
FUNCTIONS = {"concat", "empty", "environment", "filter", "guid", "newGuid", "replace", "resourceGroup", "subscription"}
FUNCTIONS |= {"subscriptionResourceId", "tenant", "toLower", "union", "uniqueString"}
# A value in main.parameters.json: an azd variable, perhaps with what holds without it.
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(=(?P<default>[^}]*))?\}")


def ids(file: BicepFile) -> str:
    return file.path.relative_to(INFRA).as_posix()


def modules() -> list[Declaration]:
    return list(MAIN.declared("module").values())


def outputs_of(module: Declaration) -> set[str]:
    return set(BicepFile(INFRA / module.target).declared("output"))


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_the_file_can_be_parsed(file: BicepFile) -> None:
    assert file.faults() == []


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_every_parameter_is_described_and_everything_declared_is_used(file: BicepFile) -> None:
    parameters = file.declared("parameter")
    assert [name for name, parameter in parameters.items() if not parameter.decorators.get("description")] == []
    assert [name for name in {**parameters, **file.declared("variable")} if file.uses(name) < 1] == []


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_every_name_is_declared(file: BicepFile) -> None:
    assert file.undeclared() <= DECORATORS | FUNCTIONS


def test_every_module_file_is_used() -> None:
    assert {module.target for module in modules()} == {ids(file) for file in FILES if file.path.parent != INFRA}


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_a_module_gets_the_parameters_that_it_has(module: Declaration) -> None:
    parameters = BicepFile(INFRA / module.target).declared("parameter")
    given = {path.split(".")[1] for path in module.properties if path.startswith("params.")}
    required = {name for name, parameter in parameters.items() if parameter.value is None}
    assert required <= given <= set(parameters)
    # What follows is generated where it is declared, and must not come from outside.
    assert not any("secure" in parameters[name].decorators for name in given)


def test_every_output_that_is_read_exists_and_every_one_that_exists_is_read() -> None:
    read = set(re.findall(r"\b(\w+)!?\.outputs\.(\w+)", MAIN.source))
    assert read == {(module.name, output) for module in modules() for output in outputs_of(module)}


def test_what_may_be_missing_is_read_only_where_it_is_not() -> None:
    conditional = {
        module.name for module in modules() if module.value is not None and module.value.type == "if_statement"
    }
    asserted = set(re.findall(r"\b(\w+)!\.outputs", MAIN.source))
    plain = set(re.findall(r"\b(\w+)\.outputs", MAIN.source))
    assert asserted == {"redis", "network"}
    assert asserted <= conditional
    assert not plain & conditional
    for name, condition in {"redis": "redisEnabled", "network": "vnetEnabled"}.items():
        lines = [line for line in MAIN.source.splitlines() if f"{name}!." in line]
        assert lines and all(f"{condition} ? " in line for line in lines)


def test_the_parameters_file_has_every_parameter_with_its_default() -> None:
    values = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    parameters = MAIN.declared("parameter")
    assert set(values) == set(parameters)
    required = {name for name, parameter in parameters.items() if parameter.value is None}
    assert required == {"environmentName", "location"}
    variables = [value["value"] for value in values.values() if "${" in str(value["value"])]
    names = [match["name"] for match in map(VARIABLE.fullmatch, variables) if match is not None]
    assert len(set(names)) == len(names) == len(variables)
    for name in set(parameters) - required:
        default, match = parameters[name].value, VARIABLE.fullmatch(str(values[name]["value"]))
        if default is not None and match is not None:
            assert (match["default"] or "") == unquoted(default), name


def test_the_region_is_offered_by_the_quota_of_the_default_model() -> None:
    defaults = {name: unquoted(one.value) for name, one in MAIN.declared("parameter").items() if one.value}
    usage = f"OpenAI.{defaults['modelSku']}.{defaults['modelName']},{defaults['modelCapacity']}"
    assert f"usageName: ['{usage}']" in MAIN.declared("parameter")["location"].decorators["metadata"]
