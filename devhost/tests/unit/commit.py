"""Commit to a task hub without a dispatcher."""

from devhost.hub.rows import Changes
from devhost.hub.store import TaskHub


def commit(hub: TaskHub, *group: Changes) -> None:
    """Number the changes of some work items and commit them in one transaction."""
    for changes in group:
        hub.number(changes)
    hub.commit(group)
