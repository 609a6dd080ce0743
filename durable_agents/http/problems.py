"""Errors of the HTTP API: one shape, `application/problem+json` (RFC 9457), built here and nowhere else.

A handler raises `ProblemError`; `handle_problems`, put around every HTTP function, turns it into the response.
"""

import functools
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import azure.functions as func
from pydantic import BaseModel, ConfigDict, ValidationError

from durable_agents.http.review_links import NoLinkKeyError
from durable_agents.seal import NoSealKeyError

logger = logging.getLogger(__name__)


class FieldError(BaseModel):
    """What is wrong with one field or parameter."""

    field: str
    message: str


class Problem(BaseModel):
    """An error as in RFC 9457; further members depend on its `type`.

    `error` repeats `detail` for clients of the generated routes, `errors` lists every wrong field or parameter.
    """

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    error: str
    errors: list[FieldError] = []


class ProblemError(Exception):
    """An error the caller is told about.

    Args:
        status: The HTTP status code.
        kind: Kebab-case name of this kind of problem, for programs; the last part of `type`.
        detail: One or more sentences for people: what happened, to which thing, what to do.
        members: Further members of the answer, plain JSON.
    """

    def __init__(self, status: int, kind: str, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.members = members

    def to_response(self, url: str) -> func.HttpResponse:
        """Return the answer to the request for `url`."""
        problem = Problem(
            type=f"urn:problem:{self.kind}",
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            instance=urlsplit(url).path,
            error=self.detail,
            **self.members,
        )
        body = json.dumps(problem.model_dump(mode="json", exclude_unset=True))
        return func.HttpResponse(body, status_code=self.status, mimetype="application/problem+json")


def invalid_fields(errors: Sequence[Mapping[str, str]]) -> ProblemError:
    """Return the 400 problem that lists every wrong field: mappings with `field` and `message`."""
    listing = "; ".join(f"{error['field']}: {error['message']}" for error in errors)
    return ProblemError(400, "invalid-body", f"The request body is not valid. {listing}.", errors=list(errors))


def invalid_parameter(name: str, text: str, expected: str) -> ProblemError:
    """Return the 400 problem for a query parameter."""
    detail = f"The query parameter {name!r} is {text!r}. Expected {expected}."
    return ProblemError(400, "invalid-parameter", detail, errors=[{"field": name, "message": f"expected {expected}"}])


def invalid_body(error: ValidationError) -> ProblemError:
    """Return the 400 problem that lists every field pydantic complained about, without repeating the values."""
    return invalid_fields(
        [
            {"field": ".".join(str(part) for part in item["loc"]) or "body", "message": item["msg"]}
            for item in error.errors(include_url=False, include_input=False, include_context=False)
        ]
    )


HttpHandler = Callable[..., Awaitable[func.HttpResponse]]


def handle_problems(handler: HttpHandler) -> HttpHandler:
    """Wrap an HTTP function so that each failure is answered with a problem; what nobody expected is also logged."""

    @functools.wraps(handler)
    async def answer(*, req: func.HttpRequest, **bindings: Any) -> func.HttpResponse:
        try:
            return await handler(req=req, **bindings)
        except ProblemError as problem:
            return problem.to_response(req.url)
        except (aiohttp.ClientConnectionError, TimeoutError):
            logger.exception("%s %s could not reach the task hub", req.method, _path(req))
            detail = "The task hub does not answer. Nothing is known to have been done; try again with the same key."
            return ProblemError(503, "task-hub-unavailable", detail).to_response(req.url)
        except (NoLinkKeyError, NoSealKeyError) as error:
            logger.error("%s %s: %s", req.method, _path(req), error)
            what = "links of reviewers" if isinstance(error, NoLinkKeyError) else "ids and page tokens"
            detail = f"The app has no key for {what} yet. Try again later; the log of the app says what it waits for."
            kind = "no-link-key" if isinstance(error, NoLinkKeyError) else "no-seal-key"
            return ProblemError(503, kind, detail).to_response(req.url)
        except Exception:
            logger.exception("%s %s failed", req.method, _path(req))
            detail = "The request failed for a reason the app did not expect. The log of the function app has it."
            return ProblemError(500, "unexpected-error", detail).to_response(req.url)

    return answer


def _path(req: func.HttpRequest) -> str:
    path: str = urlsplit(req.url).path
    return path
