"""A graph as it was built, as JSON and as a Mermaid flowchart.

The framework's own `WorkflowViz` draws the branches of a switch like edges that are always taken, draws agents like all
else, and gives an inner workflow and the executor around it one id in the picture.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from agent_framework import AgentExecutor, Executor, Workflow, WorkflowExecutor
from agent_framework._workflows._edge import (
    EdgeGroup,
    FanInEdgeGroup,
    FanOutEdgeGroup,
    InternalEdgeGroup,
    SwitchCaseEdgeGroup,
)
from pydantic import BaseModel

from durable_agents.workflows.graph_status import ExecutorState

EdgeKind = Literal["always", "if", "case", "default", "fan_out", "choice", "fan_in"]
State = Literal["running", "waiting", "done", "failed", "stopped"]
# Of an executor of an inner graph that was walked several times, the first of these.
_BY_WEIGHT: tuple[State, ...] = ("failed", "waiting", "running", "stopped", "done")
_COLORS: dict[State, str] = {
    "done": "fill:#d3f0d3,stroke:#2e7d32,color:#000",
    "running": "fill:#d6e6ff,stroke:#1565c0,color:#000",
    "waiting": "fill:#fff3cd,stroke:#b28704,color:#000",
    "failed": "fill:#ffd6d6,stroke:#c62828,color:#000",
    "stopped": "fill:#e0e0e0,stroke:#616161,color:#000",
}


class GraphExecutor(BaseModel):
    """An executor. `graph` is the workflow inside it; `state` is how it is in the run that was asked for."""

    id: str
    kind: Literal["executor", "agent", "workflow"]
    asks_humans: bool
    state: State | None = None
    graph: "WorkflowGraph | None" = None


class GraphEdge(BaseModel):
    """An edge. `condition` is the name of the function that decides, if it has one."""

    source: str
    target: str
    kind: EdgeKind
    condition: str | None = None


class WorkflowGraph(BaseModel):
    """A workflow: a run begins with `start`. Edges that `fan_in` are taken together, once each has a message."""

    workflow: str
    description: str | None
    start: str
    executors: list[GraphExecutor]
    edges: list[GraphEdge]


def graph_of(workflow: Workflow, states: Mapping[str, ExecutorState] | None = None, prefix: str = "") -> WorkflowGraph:
    """Return the graph; with `states`, as the status of a run has them, also how its executors are in that run."""
    return WorkflowGraph(
        workflow=workflow.name,
        description=workflow.description,
        start=workflow.start_executor_id,
        executors=[_executor(executor, states, prefix) for executor in workflow.executors.values()],
        edges=[edge for group in workflow.edge_groups for edge in _edges(group)],
    )


def to_mermaid(graph: WorkflowGraph) -> str:
    """Return the graph as a Mermaid flowchart: agents are rounded, executors that ask humans have six corners."""
    drawing = _Drawing()
    lines = ["flowchart TD", *drawing.draw(graph, "  ")]
    for state, nodes in drawing.marked.items():
        lines += [f"  classDef {state} {_COLORS[state]}", f"  class {','.join(nodes)} {state}"]
    return "\n".join(lines) + "\n"


class _Drawing:
    """Numbers the nodes: the ids of executors have characters that mean something in the language of the picture."""

    def __init__(self) -> None:
        self._nodes = 0
        self.marked: dict[State, list[str]] = {}

    def draw(self, graph: WorkflowGraph, indent: str) -> Iterator[str]:
        nodes = {}
        for executor in graph.executors:
            nodes[executor.id] = node = self._next("n")
            if executor.state is not None:
                self.marked.setdefault(executor.state, []).append(node)
            if executor.graph is None:
                yield f"{indent}{node}{_shape(executor)}"
                continue
            yield f'{indent}subgraph {node}["{executor.id}: {executor.graph.workflow}"]'
            yield from self.draw(executor.graph, f"{indent}  ")
            yield f"{indent}end"
        start = self._next("s")
        yield f"{indent}{start}(( )) --> {nodes[graph.start]}"
        joins: dict[str, str] = {}
        for edge in graph.edges:
            source, target = nodes[edge.source], nodes[edge.target]
            if edge.kind == "fan_in":
                if edge.target not in joins:
                    joins[edge.target] = join = self._next("j")
                    yield f"{indent}{join}((all)) --> {target}"
                yield f"{indent}{source} --> {joins[edge.target]}"
            elif edge.kind in ("always", "fan_out"):
                yield f"{indent}{source} --> {target}"
            else:
                yield f"{indent}{source} -.->|{edge.condition or edge.kind}| {target}"

    def _next(self, letter: str) -> str:
        self._nodes += 1
        return f"{letter}{self._nodes}"


def _shape(executor: GraphExecutor) -> str:
    if executor.kind == "agent":
        return f'(["{executor.id}"])'
    return f'{{{{"{executor.id}"}}}}' if executor.asks_humans else f'["{executor.id}"]'


def _executor(executor: Executor, states: Mapping[str, ExecutorState] | None, prefix: str) -> GraphExecutor:
    place = f"{prefix}{executor.id}"
    kind: Literal["executor", "agent", "workflow"] = "executor"
    if isinstance(executor, WorkflowExecutor):
        kind = "workflow"
    elif isinstance(executor, AgentExecutor):
        kind = "agent"
    # The framework has no public name for them.
    shown = GraphExecutor(
        id=executor.id, kind=kind, asks_humans=kind == "executor" and bool(executor._response_handlers)
    )
    if states is not None:
        shown.state = _state(place, states)
    if isinstance(executor, WorkflowExecutor):
        shown.graph = graph_of(executor.workflow, states, f"{place}~")
    return shown


def _state(place: str, states: Mapping[str, ExecutorState]) -> State | None:
    """Return how the executor of this place is, whichever walks of inner graphs it is in."""
    found = {state.state for name, state in states.items() if re.sub(r"~\d+~", "~", name) == place}
    return next((state for state in _BY_WEIGHT if state in found), None)


def _edges(group: EdgeGroup) -> Iterator[GraphEdge]:
    if isinstance(group, InternalEdgeGroup):
        return
    if isinstance(group, SwitchCaseEdgeGroup):
        (source,) = group.source_executor_ids
        for case in group.cases:
            condition = getattr(case, "condition_name", None)
            kind: EdgeKind = "default" if not hasattr(case, "condition_name") else "case"
            yield GraphEdge(source=source, target=case.target_id, kind=kind, condition=_name(condition))
        return
    for edge in group.edges:
        yield GraphEdge(
            source=edge.source_id,
            target=edge.target_id,
            kind=_kind(group, edge),
            condition=_name(edge.condition_name),
        )


def _kind(group: EdgeGroup, edge: Any) -> EdgeKind:
    if isinstance(group, FanInEdgeGroup):
        return "fan_in"
    if isinstance(group, FanOutEdgeGroup):
        return "fan_out" if group.selection_func is None else "choice"
    return "always" if edge.condition_name is None else "if"


def _name(condition: str | None) -> str | None:
    """Return the name of a condition, if it says anything."""
    return condition if condition and condition.isidentifier() else None
