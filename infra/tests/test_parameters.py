"""What azd asks and passes on: every parameter, with the default that it has."""

import json
import re

from infra.tests.bicep_file import INFRA, BicepFile, unquoted

MAIN = BicepFile(INFRA / "main.bicep")
# A value in main.parameters.json: an azd variable, perhaps with what holds without it.
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(=(?P<default>[^}]*))?\}")


def test_the_parameters_file_has_every_parameter_with_its_default() -> None:
    values = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    parameters = MAIN.declared("parameter")
    assert set(values) == set(parameters)
    required = {name for name, parameter in parameters.items() if parameter.value is None}
    assert required == {"environmentName", "location", "modelLocation"}
    variables = [value["value"] for value in values.values() if "${" in str(value["value"])]
    names = [match["name"] for match in map(VARIABLE.fullmatch, variables) if match is not None]
    assert len(set(names)) == len(names) == len(variables)
    for name in set(parameters) - required:
        default, match = parameters[name].value, VARIABLE.fullmatch(str(values[name]["value"]))
        if default is not None and match is not None:
            assert (match["default"] or "") == unquoted(default), name


def test_only_the_region_of_the_model_is_offered_by_its_quota() -> None:
    defaults = {name: unquoted(one.value) for name, one in MAIN.declared("parameter").items() if one.value}
    usage = f"OpenAI.{defaults['modelSku']}.{defaults['modelName']},{defaults['modelCapacity']}"
    assert f"usageName: ['{usage}']" in MAIN.declared("parameter")["modelLocation"].decorators["metadata"]
    assert "usageName" not in MAIN.declared("parameter")["location"].decorators["metadata"]
