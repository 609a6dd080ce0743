"""What operators do through the routes is in the audit log: asked for before it is done, and answered after it."""

import functools
import logging
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import azure.functions as func
from azure.core.exceptions import AzureError

from durable_agents.http.access import Access, resource_of_path
from durable_agents.http.problems import HttpHandler, ProblemError
from durable_agents.runs.reviewers import read_reviewer
from durable_agents.sessions.turn_span import hash_session
from durable_agents.storage.audit_log import AuditLog, AuditLogBusyError
from durable_agents.threads import in_thread

logger = logging.getLogger(__name__)


@contextmanager
def no_effect_without_entry(what: str) -> Iterator[None]:
    """Refuse what the block was to write to the audit log, if that cannot be done.

    Raises:
        ProblemError: 503, nothing was done.
    """
    try:
        yield
    except (AuditLogBusyError, AzureError, OSError) as error:
        logger.exception("The audit log cannot be written, so %s is refused", what)
        detail = "The audit log cannot be written, and nothing is done that is not in it. Try again later."
        raise ProblemError(503, "audit-log-unavailable", detail) from error


class OperatorActs:
    """Writes them to `log`; `access` says who the sender of a request is."""

    def __init__(self, log: AuditLog, access: Access) -> None:
        self._log = log
        self._access = access

    def recorded(self, handler: HttpHandler) -> HttpHandler:
        """Return the function of a route, done only when it is written down that it was asked for, and by whom.

        What was answered is a second entry, which a crash, or a log that fails just then, leaves out.

        Raises:
            ProblemError: 503, the log cannot be written, so nothing was done.
        """

        @functools.wraps(handler)
        async def act(*, req: func.HttpRequest, **bindings: Any) -> func.HttpResponse:
            act_id = uuid.uuid4().hex
            entry = self._entry(req, handler.__name__)
            with no_effect_without_entry(handler.__name__):
                await in_thread(self._log.append, act_id, entry)
            status = int(HTTPStatus.INTERNAL_SERVER_ERROR)
            try:
                response = await handler(req=req, **bindings)
                status = response.status_code
                return response
            except ProblemError as problem:
                status = problem.status
                raise
            finally:
                await self._answered(act_id, status)

        return act

    async def _answered(self, act_id: str, status: int) -> None:
        answer = {"kind": "operator_answer", "of": act_id, "http_status": status}
        try:
            await in_thread(self._log.append, f"{act_id}-answer", answer)
        except (AuditLogBusyError, AzureError, OSError):
            logger.exception("The audit log lacks that act %s was answered with HTTP %d", act_id, status)

    def _entry(self, req: func.HttpRequest, act: str) -> Mapping[str, Any]:
        who = read_reviewer(req, None, trusts_app_service=self._access.trusts_app_service)
        resource = resource_of_path(req)
        about = {"instance_id": resource.run, "agent": resource.agent}
        if resource.agent is not None and resource.session is not None:
            # Its id may be somebody's name.
            about["session"] = hash_session(resource.agent, resource.session)
        by = {"by": who.name, "by_id": who.id, "verified": who.verified}
        key = {"with_operator_key": self._access.is_operator(req)}
        return {"kind": "operator", "act": act, **{name: one for name, one in about.items() if one}, **by, **key}
