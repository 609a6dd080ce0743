"""Who makes a decision: vouched for by App Service authentication, or as stated."""

from dataclasses import dataclass

import azure.functions as func

from durable_agents.characters.person_names import check_name, identity_of
from durable_agents.http.access import owner_signed_in
from durable_agents.http.problems import ProblemError

_NAME_HEADER = "x-ms-client-principal-name"
_ID_HEADER = "x-ms-client-principal-id"


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A reviewer. `verified` says that the identity provider vouches for name and id; else the name is as stated.

    `owner` is whose sessions and runs are theirs, if that is known: what they have asked for they do not decide.
    `may_be_anybody` says that nobody vouches for the name where somebody could: it is no proof of being asked.
    """

    name: str | None
    id: str | None = None
    verified: bool = False
    may_be_anybody: bool = False
    owner: str | None = None

    @property
    def identity(self) -> str:
        """Who counts as one reviewer; all who do not say who they are count as one."""
        return identity_of(self.name, self.id if self.verified else None)


def read_reviewer(
    req: func.HttpRequest, stated: str | None, *, trusts_app_service: bool, by_link: bool = False
) -> Reviewer:
    """Return who sent the request: the signed-in user if there is one, else the `stated` name, or that of the link.

    The headers of App Service authentication count only where it is on (`trusts_app_service`), because there it removes
    them from what callers send. Anywhere else anybody could send them.

    Raises:
        ProblemError: 400, the identity is not one that can be kept.
    """
    if not trusts_app_service or not req.headers.get(_ID_HEADER):
        return Reviewer(stated, may_be_anybody=trusts_app_service and not by_link)
    identifier = req.headers[_ID_HEADER]
    name = req.headers.get(_NAME_HEADER) or identifier
    for header, value in {_ID_HEADER: identifier, _NAME_HEADER: name}.items():
        try:
            check_name(value)
        except ValueError as error:
            raise ProblemError(400, "invalid-identity", f"The header {header} {error}.") from error
    return Reviewer(name, identifier, verified=True, owner=owner_signed_in(req))


def check_has_not_asked(reviewer: Reviewer, asked_for_by: str | None) -> None:
    """Let nobody decide on what they have asked for themselves.

    Raises:
        ProblemError: 403, they have.
    """
    if reviewer.owner is not None and reviewer.owner == asked_for_by:
        raise ProblemError(403, "asked-for-it", "You have asked for this yourself. Somebody else has to decide on it.")
