"""What callers may send to a route and what it answers: declared where the route is registered.

The OpenAPI document is made of these declarations and nothing else, see `durable_agents.http.openapi`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, Field

from durable_agents.ids import IDEMPOTENCY_KEY

Content: TypeAlias = type[BaseModel] | str
"""What a body holds: JSON in the form of a model, or text of a media type."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or header that may be left out.

    Attributes:
        name: As it is sent.
        type: A type that pydantic understands, such as `Annotated[int, Field(ge=1)]`.
        description: One sentence for callers.
        where: Where it stands in the request.
    """

    name: str
    type: Any
    description: str
    where: Literal["query", "header"] = "query"


@dataclass(frozen=True, slots=True)
class Contract:
    """What one HTTP function takes and answers, apart from what follows from its route.

    Attributes:
        responses: What it answers when all is well, or as a result, by status; nothing for an answer without a body.
        bodies: What the request may hold, in the alternative; nothing if no body is read.
        body_required: Whether the body must be sent.
        parameters: Its query parameters and headers.
        problems: The statuses of the problems it answers with, besides those that every route has: 400 and 413 if it
            reads a body, 400 if it has parameters, 404 if its path has any, 403 unless it is anonymous, 500 and 503.
    """

    responses: Mapping[int, tuple[Content, ...]]
    bodies: tuple[Content, ...] = ()
    body_required: bool = True
    parameters: tuple[Parameter, ...] = ()
    problems: tuple[int, ...] = ()


Contracts: TypeAlias = Contract | Mapping[str, Contract] | Callable[[], Contract | Mapping[str, Contract]]
"""The contract of a route, or one for each value of its first path parameter if they differ.

One that depends on what is registered later is a function: it is called when the document is made."""


@dataclass(frozen=True, slots=True)
class HttpRoute:
    """A route as it is registered.

    Attributes:
        methods: The HTTP methods it answers.
        template: The path behind the prefix of host.json, with `{parameters}`.
        function: The name of its function.
        description: The docstring of its function; the first line is the summary.
        contracts: What it takes and answers.
        is_anonymous: Whether it can be called without a key.
        is_operators: Whether it asks for the operators' key.
    """

    methods: tuple[str, ...]
    template: str
    function: str
    description: str
    contracts: Contracts
    is_anonymous: bool = field(default=False)
    is_operators: bool = field(default=False)


IDEMPOTENCY = Parameter(
    "Idempotency-Key",
    Annotated[str, Field(pattern=f"^{IDEMPOTENCY_KEY.pattern}$")],
    "A repeat under the same key, with the same body, gets the result of the first request; another body is 422.",
    "header",
)
PAGE = 50
LARGEST_PAGE = 200
PAGING = (
    Parameter("limit", Annotated[int, Field(ge=1, le=LARGEST_PAGE)], f"How many entries at most; {PAGE} if left out."),
    Parameter("page_token", str, "The `next_page_token` of the page before."),
)
"""The parameters of every list, which `durable_agents.http.query` reads."""
