"""What azd asks and passes on: every parameter, with the default that it has."""

import re

from infra.tests.bicep_file import unquoted
from infra.tests.infrastructure import Infrastructure

# A value in main.parameters.json: an azd variable, perhaps with what holds without it.
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(=(?P<default>[^}]*))?\}")


def test_the_parameters_file_has_every_parameter_with_its_default(project: Infrastructure) -> None:
    values, parameters = project.parameters, project.main.declared("parameter")
    assert set(values) == set(parameters)
    required = {name for name, parameter in parameters.items() if parameter.value is None}
    assert required == {"environmentName", "location", "modelLocation"}
    variables = [value for value in values.values() if "${" in str(value)]
    names = [match["name"] for match in map(VARIABLE.fullmatch, variables) if match is not None]
    assert len(set(names)) == len(names) == len(variables)
    for name in set(parameters) - required:
        default, match = parameters[name].value, VARIABLE.fullmatch(str(values[name]))
        assert default is not None
        # azd has no variables for lists and objects: their values stand in the file.
        told = repr(values[name]) if match is None else match["default"] or ""
        assert told == unquoted(default), name


def test_only_the_region_of_the_model_is_offered_by_its_quota(project: Infrastructure) -> None:
    parameters = project.main.declared("parameter")
    defaults = {name: unquoted(one.value) for name, one in parameters.items() if one.value}
    usage = f"OpenAI.{defaults['modelSku']}.{defaults['modelName']},{defaults['modelCapacity']}"
    assert f"usageName: ['{usage}']" in parameters["modelLocation"].decorators["metadata"]
    assert "usageName" not in parameters["location"].decorators["metadata"]


def test_what_costs_or_cannot_be_undone_is_off_unless_it_is_asked_for(project: Infrastructure) -> None:
    off = ("zoneRedundant", "vaultPurgeProtection", "vnetEnabled", "redisEnabled", "authEnabled")
    parameters = project.main.declared("parameter")
    defaults = {name: unquoted(one.value) for name, one in parameters.items() if one.value}
    assert {name: defaults[name] for name in off} == dict.fromkeys(off, "false")
    assert {name: defaults[name] for name in ("alwaysReadyHttp", "alwaysReadyDurable", "monthlyBudget")} == {
        "alwaysReadyHttp": "0",
        "alwaysReadyDurable": "0",
        "monthlyBudget": "0",
    }
    # What was deleted by mistake can be had back.
    assert int(defaults["blobSoftDeleteDays"]) >= 7
