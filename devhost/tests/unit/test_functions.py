"""The host's own rules for functions, and how they are found by name."""

from typing import Any

import pytest

from devhost.functions import Function, FunctionTable, TriggerType, host_rules


def function(name: str, trigger: str = TriggerType.ACTIVITY, **properties: Any) -> Function:
    return Function(name, f"id of {name}", trigger, "x", properties)


def refusal(*functions: Function) -> str:
    """Return why the last of the functions is refused; the others have to be served."""
    served, refused = host_rules(functions)
    assert [one.name for one in served] == [one.name for one in functions[:-1]]
    assert [one.name for one in refused] == [functions[-1].name]
    return refused[0].reason


@pytest.mark.parametrize("name", ["a", "Writer", "dafx-Writer", "with_underscore", "x" * 128, "hosted", "a1"])
def test_names_the_host_takes(name: str) -> None:
    assert host_rules([function(name)]) == ([function(name)], [])


@pytest.mark.parametrize("name", ["1st", "_x", "-x", "a b", "a.b", "x" * 129, "", "host", "HOST", "é", "a\n"])
def test_names_the_host_refuses(name: str) -> None:
    assert "is invalid" in refusal(function(name))


def test_the_second_of_two_names_that_differ_in_case_is_refused() -> None:
    assert refusal(function("Writer"), function("writer")) == (
        "Another function is named 'writer' too; names are compared without regard to case."
    )


@pytest.mark.parametrize("route", ["admin", "Admin/x", "runtime/webhooks", " admin", "administer"])
def test_routes_under_the_hosts_own_are_refused(route: str) -> None:
    reason = refusal(function("x", TriggerType.HTTP, route=route))
    assert reason.startswith(f"The route '{route}' conflicts with the host's own '")


@pytest.mark.parametrize("route", ["users/admin", "my-runtime", "{admin}"])
def test_routes_that_only_mention_them_are_served(route: str) -> None:
    assert host_rules([function("x", TriggerType.HTTP, route=route)])[1] == []


def test_name_of_an_activity_may_begin_like_the_hosts_routes() -> None:
    assert host_rules([function("admin")])[1] == []


@pytest.mark.parametrize("parameter", ["data", "Data"])
def test_an_activity_whose_parameter_the_trigger_keeps_for_itself_is_refused(parameter: str) -> None:
    activity = Function("ship", "id", TriggerType.ACTIVITY, parameter, {})
    assert refusal(activity) == (
        f"The trigger of activities keeps the name '{parameter}' for itself: name the parameter otherwise."
    )
    assert host_rules([Function("ship", "id", TriggerType.TIMER, parameter, {})])[1] == []


@pytest.mark.parametrize("name", ["my_req", "req_", "_req", "größe", "x" * 129])
def test_binding_names_the_host_refuses(name: str) -> None:
    reason = f"The binding name '{name}' is invalid: it must match [A-Za-z][A-Za-z0-9]{{0,127}}."
    assert refusal(Function("f", "id", TriggerType.HTTP, name, {})) == reason
    assert refusal(Function("f", "id", TriggerType.HTTP, "req", {}, (name,))) == reason


def test_other_triggers_are_refused_with_a_hint_that_azure_serves_them() -> None:
    assert refusal(function("good"), function("tick", "queueTrigger")) == (
        "Triggers of type 'queueTrigger' are not served by devhost; they work on Azure."
    )


def test_one_refused_function_does_not_affect_the_others() -> None:
    served, refused = host_rules([function("a"), function("host"), function("b"), function("A")])
    assert ([one.name for one in served], [one.name for one in refused]) == (["a", "b"], ["host", "A"])


# How functions describe themselves


@pytest.mark.parametrize(
    ("trigger", "named_by"),
    [
        (TriggerType.ORCHESTRATION, "orchestration"),
        (TriggerType.ACTIVITY, "activity"),
        (TriggerType.ENTITY, "entityName"),
    ],
)
def test_durable_functions_go_by_the_name_in_their_trigger_if_there_is_one(trigger: TriggerType, named_by: str) -> None:
    assert function("f", trigger, **{named_by: "Registered"}).registered_name == "Registered"
    assert function("f", trigger, **{named_by: None}).registered_name == "f"
    assert function("f", trigger).registered_name == "f"


def test_http_functions_go_by_their_own_name() -> None:
    assert function("f", TriggerType.HTTP, route="r", activity="x").registered_name == "f"


def test_route_is_the_name_without_one_and_methods_are_in_capitals() -> None:
    plain = function("f", TriggerType.HTTP)
    assert (plain.route, plain.methods, plain.auth_level) == ("f", None, "function")
    detailed = function("f", TriggerType.HTTP, route="r/{id}", methods=["get", "POST"], authLevel="ANONYMOUS")
    assert (detailed.route, detailed.methods, detailed.auth_level) == (
        "r/{id}",
        frozenset(["GET", "POST"]),
        "anonymous",
    )


def test_table_finds_by_trigger_and_name_in_any_case() -> None:
    greet = function("greet", activity="Hello")
    main = function("hello", TriggerType.ORCHESTRATION)
    table = FunctionTable([greet, main])
    assert table.find(TriggerType.ACTIVITY, "HELLO") is greet
    assert table.find(TriggerType.ORCHESTRATION, "Hello") is main
    assert table.find(TriggerType.ACTIVITY, "greet") is None
    assert table.find(TriggerType.ENTITY, "hello") is None
    assert (table.of(TriggerType.ACTIVITY), table.names(TriggerType.ACTIVITY)) == ([greet], ["Hello"])
