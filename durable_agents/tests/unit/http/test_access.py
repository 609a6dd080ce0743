"""Who may do what: by the key, by who is signed in, and by whose it is."""

from typing import Any, cast

import azure.functions as func
import pytest

from durable_agents import HostingSettings
from durable_agents.http.access import OPERATOR_ACTIONS, Access, Resource
from durable_agents.http.problems import ProblemError
from durable_agents.owners import owned, owner_named, owner_of
from durable_agents.settings.functions_host import FunctionsHost

KEY = "an operators' key of 32 characters"
SIGNED_IN = Access(trusts_app_service=True, operator_key=KEY)
BY_KEY = Access(operator_key=KEY)


def request(who: str | None = None, **headers: str) -> func.HttpRequest:
    account = {} if who is None else {"x-ms-client-principal-id": who, "x-ms-client-principal-idp": "aad"}
    return func.HttpRequest(method="GET", url="http://localhost/api/x", headers={**account, **headers}, body=b"")


def owner(who: str) -> str:
    return owner_named(f"aad\n{who}")


def told(access: Access, req: func.HttpRequest, action: str, **resource: Any) -> tuple[int, str] | None:
    try:
        access.authorize(req, action, Resource(**resource))
    except ProblemError as problem:
        return problem.status, problem.kind
    return None


OPERATOR = request(**{"x-operator-key": KEY})


@pytest.mark.parametrize("action", sorted(OPERATOR_ACTIONS))
@pytest.mark.parametrize("sent", [None, "", KEY[:-1], KEY + "x", "é" * 32, "\udce9"])
def test_what_operators_do_needs_their_key(action: str, sent: str | None) -> None:
    req = request() if sent is None else request(**{"x-operator-key": sent})
    assert told(BY_KEY, req, action, run="r") == (403, "operator-key-needed")
    assert told(BY_KEY, OPERATOR, action, run="r") is None
    assert told(BY_KEY, req, "start_run", orchestration="o") is None


def test_without_a_key_what_operators_do_is_closed_in_azure_and_open_elsewhere() -> None:
    settings = HostingSettings.from_environ({})
    assert told(Access.of(settings), request(), "cancel_run", run="r") is None
    settings._host = FunctionsHost(in_azure=True)
    for req in (request(), OPERATOR, request(**{"x-operator-key": ""})):
        assert told(Access.of(settings), req, "cancel_run", run="r") == (403, "operator-key-needed")


@pytest.mark.parametrize("action", ["get_run_status", "cancel_run", "raise_run_event", "delete_run"])
def test_who_is_signed_in_has_their_own_runs_and_no_others(action: str) -> None:
    mine, yours = owned("r", owner("ada")), owned("r", owner("bob"))
    assert told(SIGNED_IN, request("ada"), action, run=mine) is None
    for name in (yours, "r", "R", f"x-{mine}", mine.upper()):
        assert told(SIGNED_IN, request("ada"), action, run=name) == (404, "unknown-run"), name
    assert told(SIGNED_IN, request(), action, run=mine) == (403, "not-signed-in")
    assert told(SIGNED_IN, OPERATOR, action, run=mine) is None


def test_the_headers_of_who_is_signed_in_count_only_where_app_service_sends_them() -> None:
    mine = owned("s", owner("ada"))
    assert told(BY_KEY, request("ada"), "get_session", session=mine) == (404, "unknown-session")
    assert told(BY_KEY, request("ada"), "get_session", session="s") is None
    assert BY_KEY.own(request("ada"), "s") == "s"


def test_the_same_id_of_another_provider_is_somebody_else() -> None:
    google = {"x-ms-client-principal-id": "7", "x-ms-client-principal-idp": "google"}
    req = cast(Any, func.HttpRequest)(method="GET", url="http://localhost/", headers=google, body=b"")
    assert SIGNED_IN.owner(req) not in (None, SIGNED_IN.owner(request("7")))


def test_a_name_is_of_everybodys_own_and_an_id_stays() -> None:
    ada, bob = request("ada"), request("bob")
    assert SIGNED_IN.own(ada, "s") == SIGNED_IN.own(ada, SIGNED_IN.own(ada, "s")) != SIGNED_IN.own(bob, "s")
    assert owner_of(SIGNED_IN.own(ada, "s")) == owner("ada")
    with pytest.raises(ProblemError, match="of yours") as refused:
        SIGNED_IN.own(bob, SIGNED_IN.own(ada, "s"))
    assert refused.value.status == 404
    assert SIGNED_IN.own(OPERATOR, SIGNED_IN.own(ada, "s")) == SIGNED_IN.own(ada, "s")


def test_reviewers_reach_the_routes_on_which_they_decide_and_strangers_none() -> None:
    run = owned("r", owner("ada"))
    for action in ("decide_approval", "respond_to_workflow"):
        assert told(SIGNED_IN, request("bob"), action, run=run) is None
        assert told(SIGNED_IN, request(), action, run=run) == (403, "not-signed-in")
        assert told(BY_KEY, request(), action, run=run) == (404, "unknown-run")


def test_anonymous_routes_ask_nobody() -> None:
    assert told(SIGNED_IN, request(), "check_health", is_anonymous=True) is None
