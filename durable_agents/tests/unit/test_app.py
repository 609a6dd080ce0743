"""`AgentFunctionApp` overrides private methods of the package: these tests fail when the package changes them."""

import inspect
import json
from datetime import timedelta
from typing import Any, cast

import agent_framework_azurefunctions
import azure.durable_functions as df
import azure.functions as func
import pytest
from agent_framework import Agent, tool
from agent_framework_azurefunctions import AgentFunctionApp as FrameworkApp
from pydantic import BaseModel, ValidationError

import durable_agents
from durable_agents import OrchestrationContext, Steps
from durable_agents.activities.notify_reviewer import notify_reviewer
from durable_agents.app import AgentFunctionApp
from durable_agents.chat_clients.offline.client import OfflineChatClient
from durable_agents.http.openapi import build_document
from durable_agents.http.problems import ProblemError
from durable_agents.settings.hosting import HostingSettings
from durable_agents.tests.app.agents import create_spam_detector, create_writer
from durable_agents.tests.app.graphs import create_comment_moderation

SETTINGS = HostingSettings.from_environ({})


class Verdict(BaseModel):
    good: bool


def entities_of(app: FrameworkApp) -> dict[str, tuple[Any, list[str]]]:
    """Return the trigger of each entity function and the types of its other bindings, by the name of the function."""
    # AgentFunctionApp declares only a part of what it inherits, and the names of the SDK are not typed.
    functions: list[Any] = cast(Any, app).get_functions()
    return {
        function.get_function_name(): (
            function.get_trigger().get_dict_repr(),
            [one.type for one in function.get_bindings() if one is not function.get_trigger()],
        )
        for function in functions
        if function.get_trigger().type == "entityTrigger"
    }


def test_the_package_still_has_the_method_and_calls_it_for_every_agent() -> None:
    method = FrameworkApp._setup_agent_entity
    assert list(inspect.signature(method).parameters) == ["self", "agent", "agent_name", "callback"]
    assert inspect.getsource(FrameworkApp).count("._setup_agent_entity(") == 1


@pytest.mark.parametrize("name", ["_setup_workflow_orchestration", "_register_workflow_routes"])
def test_the_package_still_has_the_methods_for_workflows_and_calls_each_once(name: str) -> None:
    assert list(inspect.signature(getattr(FrameworkApp, name)).parameters) == ["self", "workflow"]
    assert inspect.getsource(FrameworkApp).count(f".{name}(") == 1


def test_an_agent_inside_a_workflow_is_an_entity_but_none_of_the_agents_to_talk_to() -> None:
    client = OfflineChatClient()
    workflows = [create_comment_moderation(client)]
    app = AgentFunctionApp(settings=SETTINGS, agents=[create_writer(client)], workflows=workflows)
    assert list(entities_of(app)) == ["dafx-comment_moderation-SpamDetector", "dafx-Writer"]
    assert list(app.agents) == ["Writer"]


def test_the_entities_are_ours_under_the_names_of_the_package() -> None:
    client = OfflineChatClient()
    agents = [create_writer(client), create_spam_detector(client)]
    options: dict[str, Any] = {"agents": agents, "enable_http_endpoints": False, "enable_health_check": False}
    ours = entities_of(AgentFunctionApp(settings=SETTINGS, agents=agents))
    theirs = entities_of(FrameworkApp(**options))
    assert list(ours) == ["dafx-Writer", "dafx-SpamDetector"]
    assert {name: binding for name, (binding, _) in ours.items()} == {
        name: binding for name, (binding, _) in theirs.items()
    }
    assert [others for _, others in ours.values()] == [["durableClient"]] * 2


@pytest.mark.parametrize("policy", [{"attempts": 3}, {"on": (OSError,), "attempts": 0}, {"on": (OSError,), "delay": 1}])
def test_a_retry_policy_that_cannot_be_read_stops_the_start(policy: dict[str, Any]) -> None:
    look = tool(lambda: "seen", name="look", approval_mode="never_require", additional_properties={"retry": policy})
    agent = Agent(OfflineChatClient(), "Help.", name="Test", tools=[look])
    with pytest.raises(ValidationError):
        AgentFunctionApp(settings=SETTINGS, agents=[agent])


def test_a_budget_that_cannot_be_read_stops_the_start() -> None:
    agent = Agent(OfflineChatClient(), "Help.", name="Test", additional_properties={"budget": {"max_money": 1}})
    with pytest.raises(ValidationError):
        AgentFunctionApp(settings=SETTINGS, agents=[agent])


def test_an_activity_without_a_key_cannot_act_once_for_it() -> None:
    class Order(BaseModel):
        number: int

    def ship(order: Order) -> Order:
        return order

    ship.__annotations__ = {"order": Order, "return": Order}
    with pytest.raises(TypeError, match=r"Activity ship\(\) cannot act once for a key: its input has none"):
        AgentFunctionApp(settings=HostingSettings()).add_activity(ship, once=True)


def test_an_agent_that_is_not_registered_cannot_be_an_mcp_tool() -> None:
    with pytest.raises(ProblemError, match=r"There is no agent 'Poet'\. Known: Writer\."):
        AgentFunctionApp(settings=SETTINGS, agents=[create_writer(OfflineChatClient())], mcp_tools=["Poet"])


def routes_of(app: AgentFunctionApp) -> set[str]:
    return {route.template for route in app.router.routes}


def test_the_arguments_of_microsofts_class_come_first_in_its_order() -> None:
    theirs = list(inspect.signature(FrameworkApp.__init__).parameters.values())
    ours = list(inspect.signature(AgentFunctionApp.__init__).parameters.values())
    assert [(one.name, one.default) for one in ours[: len(theirs)]] == [(one.name, one.default) for one in theirs]
    assert {one.kind for one in ours[len(theirs) :]} == {inspect.Parameter.KEYWORD_ONLY}


def test_its_public_names_are_here() -> None:
    missing = [name for name in agent_framework_azurefunctions.__all__ if not hasattr(durable_agents, name)]
    assert missing == []


def test_without_settings_the_environment_says_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_TTL_DAYS", "3")
    assert timedelta(days=3) == AgentFunctionApp().settings.SESSION_TTL_DAYS


def test_routes_that_are_not_wanted_are_left_out() -> None:
    agents = [create_writer(OfflineChatClient())]
    quiet = AgentFunctionApp(agents, settings=SETTINGS, enable_http_endpoints=False, enable_health_check=False)
    assert not {template for template in routes_of(quiet) if template.startswith(("agents", "health"))}
    assert "runs" in routes_of(quiet)
    assert {"agents/{agent}/run", "health"} <= routes_of(AgentFunctionApp(agents, settings=SETTINGS))


def test_an_agent_may_be_reached_although_the_others_are_not() -> None:
    client = OfflineChatClient()
    app = AgentFunctionApp([create_writer(client)], settings=SETTINGS, enable_http_endpoints=False)
    app.add_agent(create_spam_detector(client), enable_http_endpoint=True, enable_mcp_tool_trigger=True)
    assert "agents/{agent}/run" in routes_of(app)
    assert (list(app.agents), app._reachable.names) == (["Writer", "SpamDetector"], ["SpamDetector"])
    names = [function.get_function_name() for function in app.get_functions()]
    assert [name for name in names if name.startswith("mcptool")] == ["mcptool-SpamDetector"]


def test_each_agent_has_its_path_in_the_document_also_one_that_is_added_later() -> None:
    client = OfflineChatClient()
    app = AgentFunctionApp([create_writer(client), create_spam_detector(client)], settings=SETTINGS)
    app.add_agent(Agent(client, name="Poet"))
    paths = build_document(app.router.routes, {})["paths"]
    assert {f"/agents/{name}/run" for name in ("Writer", "SpamDetector", "Poet")} <= paths.keys()


def test_two_agents_of_one_name_are_told_apart_from_the_same_agent_twice() -> None:
    client = OfflineChatClient()
    app = AgentFunctionApp([create_writer(client)], settings=SETTINGS)
    app.add_agent(create_writer(client))
    assert list(app.agents) == ["Writer"]
    with pytest.raises(ValueError, match="two agents of the name 'WRITER'"):
        app.add_agent(Agent(client, name="WRITER"))


@pytest.mark.parametrize("form", ["workflow", "list", "mapping"])
def test_workflows_may_be_given_in_each_form(form: str) -> None:
    graph = create_comment_moderation(OfflineChatClient())
    given: dict[str, Any] = {"workflow": graph} if form == "workflow" else {"workflows": [graph]}
    if form == "mapping":
        given = {"workflows": {graph.name: graph}}
    app = AgentFunctionApp(settings=SETTINGS, **given)
    assert (app.workflow, list(app.workflows)) == (graph, ["comment_moderation"])
    assert "dafx-comment_moderation" in app.orchestrations.names


def story(context: OrchestrationContext, request: Verdict) -> Steps[Verdict]:
    """A story."""
    yield from context.sleep(timedelta(seconds=1))
    return request


def plain(context: df.DurableOrchestrationContext) -> Any:
    """An orchestration with the SDK's context."""
    return (yield context.wait_for_external_event("Go"))


def test_what_is_decorated_joins_the_orchestrations_at_once() -> None:
    app = AgentFunctionApp(settings=SETTINGS, orchestrations=[story])
    app.orchestration_trigger("context")(plain)
    app.orchestration_trigger(context_name="context", orchestration="another")(plain)
    assert app.orchestrations.names == ["story", "tool_approval", "plain", "another"]
    found = app.orchestrations.find("PLAIN")
    assert found is not None and found.stores_as_sent and found.is_decorated
    with pytest.raises(ValueError, match="two orchestrations of the name 'story'"):
        app.orchestration_trigger("context", orchestration="story")(plain)


def test_functions_of_the_library_give_way_to_those_of_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify_reviewer, "__name__", "notify_reviewer")
    app = AgentFunctionApp(settings=SETTINGS)

    def notify_reviewer_of_my_own(draft: str) -> str:
        return draft

    async def list_runs(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse()

    notify_reviewer_of_my_own.__name__ = "notify_reviewer"
    cast(Any, app).activity_trigger(input_name="draft")(notify_reviewer_of_my_own)
    cast(Any, app).route(route="mine")(list_runs)
    names = [function.get_function_name() for function in app.get_functions()]
    assert names.count("notify_reviewer") == names.count("list_runs") == 1
    assert {"durable_agents_notify_reviewer", "durable_agents_list_runs"} <= set(names)
    assert notify_reviewer.__name__ == "durable_agents_notify_reviewer"


def counter(context: df.DurableEntityContext, *, step: int, limit: int = 3) -> None:
    """Count by steps."""
    context.set_state(min(context.get_state(int) + step, limit))


async def test_an_entity_of_the_apps_own_has_its_dependencies_and_keeps_its_state() -> None:
    app = AgentFunctionApp(settings=SETTINGS)
    app.add_entity(counter, step=2)
    (entity,) = [one for one in cast(Any, app).get_functions() if one.get_function_name() == "counter"]
    assert entity.get_trigger().get_dict_repr()["entityName"] == "counter"
    operations = [{"name": "add", "isSignal": True, "input": "null"}] * 2
    request = {"self": {"name": "counter", "key": "k"}, "exists": False, "state": None, "batch": operations}
    handle = entity.get_user_function()
    client = json.dumps({"taskHubName": "t", "creationUrls": {}, "managementUrls": {}, "rpcBaseUrl": "http://x/"})
    answer = json.loads(await handle(context=json.dumps(request), client=client))
    assert json.loads(answer["entityState"]) == 3


@pytest.mark.parametrize(("given", "problem"), [({}, r"missing dependencies \['step'\]"), ({"step": 1, "to": 2}, "to")])
def test_an_entity_with_other_dependencies_is_refused(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        AgentFunctionApp(settings=SETTINGS).add_entity(counter, **given)
