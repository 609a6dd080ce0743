"""Who may do what: the one place that every route asks before its function begins.

`Access.authorize` is what holds where the app says nothing else. Another function of that form takes its place as
`AgentFunctionApp(authorize=...)`.
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self, TypeAlias

import azure.functions as func

from durable_agents.http.problems import ProblemError
from durable_agents.owners import owned, owner_named, owner_of
from durable_agents.settings.hosting import HostingSettings

OPERATOR_KEY_HEADER = "x-operator-key"

OPERATOR_ACTIONS = frozenset(
    {
        "cancel_run",
        "suspend_run",
        "resume_run",
        "rewind_run",
        "restart_run",
        "delete_run",
        "delete_session",
        "reset_session",
    }
)
"""What ends, repeats or removes the work of others."""

DECIDING_ACTIONS = frozenset({"decide_approval", "respond_to_workflow"})
"""What those do who are asked, and not those whose run it is; these routes look who is asked."""

_ID_HEADER = "x-ms-client-principal-id"
_PROVIDER_HEADER = "x-ms-client-principal-idp"


@dataclass(frozen=True, slots=True)
class Resource:
    """What a request is about; what its route does not name is None.

    Attributes:
        agent: The name of an agent.
        session: The id of a session.
        orchestration: The name of an orchestration.
        workflow: The name of a graph workflow.
        run: The instance id of a run.
        is_anonymous: Whether the host lets anybody through to the route.
    """

    agent: str | None = None
    session: str | None = None
    orchestration: str | None = None
    workflow: str | None = None
    run: str | None = None
    is_anonymous: bool = False


Authorize: TypeAlias = Callable[[func.HttpRequest, str, Resource], Awaitable[None] | None]
"""Returns where the request may do this, and raises `ProblemError` with 403 or 404 where it may not.

It is given the request, the action, which is the name of the route's function, and what the request is about.
"""


def resource_of_path(req: func.HttpRequest) -> Resource:
    """Return what the path of a request names."""
    named = req.route_params.get
    return Resource(
        agent=named("agent"),
        session=named("session"),
        orchestration=named("orchestration"),
        workflow=named("workflow"),
        run=named("instance_id"),
    )


@dataclass(frozen=True, slots=True)
class Access:
    """What a deployment has said about who may do what, and who the sender of a request is by it.

    Attributes:
        trusts_app_service: Whether App Service authentication is on: there alone nobody else can send its headers.
        operator_key: What operators send, or None for none.
        needs_operator_key: Whether what operators do is closed as long as there is no such key.
    """

    trusts_app_service: bool = False
    operator_key: str | None = None
    needs_operator_key: bool = False

    @classmethod
    def of(cls, settings: HostingSettings) -> Self:
        """Return what these settings say. Without a key, operators' routes are closed in Azure and open elsewhere."""
        key = settings.OPERATOR_KEY
        text = None if key is None else key.get_secret_value()
        return cls(settings.APP_SERVICE_AUTHENTICATION, text, needs_operator_key=settings.host.in_azure)

    def owner(self, req: func.HttpRequest) -> str | None:
        """Return the owner that the sender is: who is signed in, or None where nobody is."""
        return owner_signed_in(req) if self.trusts_app_service else None

    def is_operator(self, req: func.HttpRequest) -> bool:
        """Say whether the request has the operators' key."""
        sent = req.headers.get(OPERATOR_KEY_HEADER)
        if self.operator_key is None or not sent:
            return False
        return hmac.compare_digest(sent.encode("utf-8", "replace"), self.operator_key.encode())

    def listed_owner(self, req: func.HttpRequest) -> str | None:
        """Return whose things a list shows: an owner, '' for what belongs to nobody, None for everybody's."""
        return None if self.is_operator(req) else self.owner(req) or ""

    def sees(self, req: func.HttpRequest, name: str) -> bool:
        """Say whether the sender may know of the session or run of this id."""
        return self.is_operator(req) or owner_of(name) == self.owner(req)

    def own(self, req: func.HttpRequest, name: str) -> str:
        """Return the id under which the sender has what it calls by this name. An id that it was given stays.

        Raises:
            ProblemError: 404, the id is somebody else's.
        """
        if owner_of(name) is None:
            return owned(name, self.owner(req))
        if not self.sees(req, name):
            raise not_yours("session", name)
        return name

    def authorize(self, req: func.HttpRequest, action: str, resource: Resource) -> None:
        """Let through who may do this, and operators.

        With App Service authentication that is who is signed in, with what is their own. Without it, it is everybody
        whom the host has let through, but what operators do needs their key. What has an owner is for that one alone.

        Raises:
            ProblemError: 403, nobody is signed in, or the key is missing; 404, it is somebody else's.
        """
        if resource.is_anonymous or self.is_operator(req):
            return
        owner = self.owner(req)
        if self.trusts_app_service and owner is None:
            detail = "Sign in: this app does nothing for callers that it does not know. Operators send their key."
            raise ProblemError(403, "not-signed-in", detail)
        if owner is None or action not in DECIDING_ACTIONS:
            for kind, name in (("run", resource.run), ("session", resource.session)):
                if name is not None and owner_of(name) != owner:
                    raise not_yours(kind, name)
        if action in OPERATOR_ACTIONS and owner is None and (self.operator_key or self.needs_operator_key):
            detail = f"This is for operators: send their key in the header {OPERATOR_KEY_HEADER}."
            if self.operator_key is None:
                detail = "This is for operators, and the app has no key for them. Set OPERATOR_KEY."
            raise ProblemError(403, "operator-key-needed", detail)


def owner_signed_in(req: func.HttpRequest) -> str | None:
    """Return the owner that App Service authentication names, which nobody else can where it is on."""
    account = req.headers.get(_ID_HEADER)
    return owner_named(f"{req.headers.get(_PROVIDER_HEADER, '')}\n{account}") if account else None


def not_yours(kind: str, name: str) -> ProblemError:
    """Return the 404 for what is somebody else's, or is not there: the answer does not tell which."""
    return ProblemError(404, f"unknown-{kind}", f"There is no {kind} {name!r} of yours.")
