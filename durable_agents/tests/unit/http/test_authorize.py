"""Every route asks `authorize` before its function begins, and this app of the library has all of them."""

from datetime import timedelta
from typing import Any, cast

import azure.functions as func
import pytest
from pydantic import BaseModel

from durable_agents import AgentFunctionApp, HostingSettings, OrchestrationContext, Steps
from durable_agents.chat_clients.offline.client import OfflineChatClient
from durable_agents.http.access import DECIDING_ACTIONS, OPERATOR_ACTIONS, Resource
from durable_agents.tests.app.agents import create_writer
from durable_agents.tests.app.graphs import create_comment_moderation
from durable_agents.web import Contract, ProblemError, json_response

NAMED = {
    "agent": "Writer",
    "session": "s",
    "orchestration": "rest",
    "workflow": "comment_moderation",
    "instance_id": "r",
    "correlation_id": "c",
    "human_request_id": "h",
    "name": "n",
}


class Rest(BaseModel):
    """Nothing to do."""


def rest(context: OrchestrationContext, given: Rest) -> Steps[Rest]:
    """Do nothing."""
    yield from context.sleep(timedelta(seconds=1))
    return given


class Gate:
    """Notes what it is asked, and lets nothing through."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Resource]] = []

    async def authorize(self, req: func.HttpRequest, action: str, resource: Resource) -> None:
        self.asked.append((action, resource))
        raise ProblemError(403, "closed", "Not today.")


def app_behind(authorize: Any) -> AgentFunctionApp:
    chat = OfflineChatClient()
    return AgentFunctionApp(
        settings=HostingSettings.from_environ({}),
        agents=[create_writer(chat)],
        orchestrations=[rest],
        workflows=[create_comment_moderation(chat)],
        authorize=authorize,
    )


def http_functions(app: AgentFunctionApp) -> list[Any]:
    functions: list[Any] = cast(Any, app).get_functions()
    return [function for function in functions if function.get_trigger().type == "httpTrigger"]


async def call(function: Any, **params: str) -> func.HttpResponse:
    body = b'{"message": "Hello", "session_id": "s"}'
    req = func.HttpRequest(
        method="POST", url="http://localhost/api", route_params=NAMED, params=params, body=body, headers={}
    )
    handler = function.get_user_function()
    # The SDK puts something around a function that takes a durable client; without a client nothing can begin.
    answer: func.HttpResponse = await getattr(handler, "client_function", handler)(req=req)
    return answer


async def test_no_route_begins_without_asking() -> None:
    gate = Gate()
    functions = http_functions(app_behind(gate.authorize))
    for function in functions:
        answer = await call(function)
        assert answer.status_code == 403, f"{function.get_function_name()} has not asked"
    assert [action for action, _ in gate.asked] == [function.get_function_name() for function in functions]
    assert {action for action, _ in gate.asked} >= OPERATOR_ACTIONS | DECIDING_ACTIONS
    anonymous = {action for action, resource in gate.asked if resource.is_anonymous}
    assert anonymous == {"check_health", "show_review_page", "read_review", "decide_review"}


async def test_it_is_told_what_a_request_is_about() -> None:
    gate = Gate()
    for function in http_functions(app_behind(gate.authorize)):
        await call(function, run="shown")
    asked = dict(gate.asked)
    assert asked["run_agent"] == Resource(agent="Writer", session="s")
    assert (asked["get_session"].session, asked["cancel_run"].run) == ("s", "r")
    assert asked["start_run"].orchestration == "rest"
    assert asked["get_workflow_graph"] == Resource(workflow="comment_moderation", run="shown")
    about = {name: asked[name].workflow for name in ("run_workflow", "respond_to_workflow")}
    assert set(about.values()) == {"comment_moderation"}


@pytest.mark.parametrize("status", [403, 404])
async def test_a_function_of_the_apps_own_takes_its_place_on_routes_of_the_apps_own_too(status: int) -> None:
    def authorize(req: func.HttpRequest, action: str, resource: Resource) -> None:
        if action == "greet":
            raise ProblemError(status, "no", "No.")

    async def greet(req: func.HttpRequest) -> func.HttpResponse:
        """Greet."""
        raise AssertionError("it was refused")

    async def part(req: func.HttpRequest) -> func.HttpResponse:
        """Part."""
        return json_response({})

    app = app_behind(authorize)
    app.router.add("GET", "greet", greet, contract=Contract({}))
    app.router.add("GET", "part", part, contract=Contract({}))
    own = {function.get_function_name(): function for function in http_functions(app)}
    assert (await call(own["greet"])).status_code == status
    assert (await call(own["part"])).status_code == 200
