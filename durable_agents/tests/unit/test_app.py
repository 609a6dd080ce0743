"""`AgentFunctionApp` overrides private methods of the package: these tests fail when the package changes them."""

import inspect
from typing import Any, cast

import pytest
from agent_framework import Agent, tool
from agent_framework_azurefunctions import AgentFunctionApp as FrameworkApp
from pydantic import ValidationError

from durable_agents.app import AgentFunctionApp
from durable_agents.chat_clients.offline.client import OfflineChatClient
from durable_agents.http.problems import ProblemError
from durable_agents.settings.hosting import HostingSettings
from durable_agents.tests.app.agents import create_spam_detector, create_writer
from durable_agents.tests.app.graphs import create_comment_moderation

SETTINGS = HostingSettings.from_environ({})


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


def test_an_agent_that_is_not_registered_cannot_be_an_mcp_tool() -> None:
    with pytest.raises(ProblemError, match=r"There is no agent 'Poet'\. Known: Writer\."):
        AgentFunctionApp(settings=SETTINGS, agents=[create_writer(OfflineChatClient())], mcp_tools=["Poet"])
