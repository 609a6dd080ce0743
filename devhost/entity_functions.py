"""Entities that say in the log which operation failed, and where: the SDK answers with the exception's text alone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from azure.durable_functions.entity import Entity

from devhost.tracebacks import first_line, of_the_app

logger = logging.getLogger("devhost.entities")


def telling(handle: Any) -> Any:
    """Return an entity's function as the SDK made it, that logs the operations which fail; any other as it is."""
    function: Callable[[Any], None] | None = getattr(handle, "entity_function", None)
    if function is None:
        return handle

    def tell(context: Any) -> None:
        try:
            function(context)
        except Exception as ex:
            entity = f"@{context.entity_name}@{context.entity_key}"
            text = "%s: operation '%s' failed: %s"
            logger.error(text, entity, context.operation_name, first_line(ex), **of_the_app(ex))
            raise

    told: Any = Entity.create(tell)
    told.__name__ = handle.__name__
    return told
