"""Who makes a decision: vouched for by App Service authentication, or as stated."""

from dataclasses import dataclass

import azure.functions as func

from hosting.http.problems import ProblemError

_NAME_HEADER = "x-ms-client-principal-name"
_ID_HEADER = "x-ms-client-principal-id"
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A reviewer. `verified` says that the identity provider vouches for name and id; else the name is as stated."""

    name: str | None
    id: str | None = None
    verified: bool = False

    @property
    def identity(self) -> str:
        """What counts as one reviewer; all who do not say who they are count as one."""
        return self.id or self.name or ""


def read_reviewer(req: func.HttpRequest, stated: str | None, *, trusts_app_service: bool) -> Reviewer:
    """Return who sent the request: the signed-in user if there is one, else the `stated` name.

    The headers of App Service authentication count only where it is on (`trusts_app_service`), because there it removes
    them from what callers send. Anywhere else anybody could send them.

    Raises:
        ProblemError: 400, the identity is not one that can be kept.
    """
    if not trusts_app_service or not req.headers.get(_ID_HEADER):
        return Reviewer(stated)
    identifier = req.headers[_ID_HEADER]
    name = req.headers.get(_NAME_HEADER) or identifier
    for header, value in {_ID_HEADER: identifier, _NAME_HEADER: name}.items():
        if len(value) > _LONGEST or not value.isprintable():
            detail = f"The header {header} must have at most {_LONGEST} characters, without control characters."
            raise ProblemError(400, "invalid-identity", detail)
    return Reviewer(name, identifier, verified=True)
