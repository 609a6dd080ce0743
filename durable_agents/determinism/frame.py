"""Where in the code of an orchestration the walk is, and how it came there."""

import ast
from dataclasses import dataclass, replace

from durable_agents.determinism.findings import Form, shown_path
from durable_agents.determinism.modules import Module
from durable_agents.determinism.scopes import Scope


@dataclass(frozen=True, slots=True)
class Frame:
    """A function, class or module that is looked at.

    Attributes:
        name: What it is called.
        scope: What the names in it stand for.
        form: How the orchestration is written that leads here.
        trail: By which calls, as the end of a sentence.
        is_first_only: Whether replays skip it: `if not context.is_replaying`.
    """

    name: str
    scope: Scope
    form: Form
    trail: str = ""
    is_first_only: bool = False

    @property
    def module(self) -> Module:
        """The file that it stands in."""
        return self.scope.module

    def owns(self, scope: Scope | None) -> bool:
        """Say whether a scope is its own or in it: what is bound there is looked at where it is bound."""
        while scope is not None and scope is not self.scope:
            scope = scope.parent
        return scope is not None

    def call(self, name: str, scope: Scope, node: ast.AST) -> "Frame":
        """Return the frame of what is called here."""
        place = f"`{self.name}` at {shown_path(self.module.path)}:{getattr(node, 'lineno', 1)}"
        trail = f"{self.trail[:-1]}, {place})" if self.trail else f" (called by {place})"
        return replace(self, name=name, scope=scope, trail=trail)
