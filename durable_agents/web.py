"""What a route of the app's own needs: read a request as the other routes do, answer it, and say what is wrong with it.

A handler raises `ProblemError`, or what reads the request does; the answer is then `application/problem+json`.
"""

from durable_agents.http.access import Access, Authorize, Resource
from durable_agents.http.contracts import IDEMPOTENCY, Contract, Parameter
from durable_agents.http.problems import ProblemError
from durable_agents.http.requests import accepted, json_response, read_idempotency_key, read_json_object, read_model

__all__ = [
    "IDEMPOTENCY",
    "Access",
    "Authorize",
    "Contract",
    "Parameter",
    "ProblemError",
    "Resource",
    "accepted",
    "json_response",
    "read_idempotency_key",
    "read_json_object",
    "read_model",
]
