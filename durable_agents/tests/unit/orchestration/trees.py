"""Random trees of steps."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hypothesis import strategies as st

LEAVES = ("call", "ask", "run", "wait", "approve", "sleep")
GROUPS = (
    *("all", "all, failures too", "all, two at once", "all, failures too, two at once"),
    *("first", "first, but no failure", "one after the other"),
)


@dataclass(frozen=True)
class Leaf:
    """One step: what it is, for how long it is waited for, and whether it fails, or is refused."""

    kind: str
    hours: float | None
    fails: bool
    number: int = 0


@dataclass(frozen=True)
class Tree:
    """Steps put together; a leaf is one step."""

    kind: str
    leaf: Leaf | None = None
    parts: tuple["Tree", ...] = ()

    def leaves(self) -> Iterator[Leaf]:
        """Yield the steps."""
        if self.leaf is not None:
            yield self.leaf
        for part in self.parts:
            yield from part.leaves()

    def numbered(self, numbers: Iterator[int]) -> "Tree":
        """Return the same tree with a number for each step, and a time that no others have, also one after another."""
        leaf = self.leaf
        if leaf is not None:
            number = next(numbers)
            hours = None if leaf.hours is None else leaf.hours + (1 << number) / 4096
            leaf = replace(leaf, number=number, hours=hours)
        return Tree(self.kind, leaf, tuple(part.numbered(numbers) for part in self.parts))


def _leaf(kind: str, hours: int | None, fails: bool) -> Tree:
    needs_time = kind in ("approve", "sleep")
    return Tree("leaf", Leaf(kind, 1 if hours is None and needs_time else hours, fails))


def trees() -> st.SearchStrategy[Tree]:
    """Return random trees, with what may happen in each."""
    leaf = st.builds(_leaf, st.sampled_from(LEAVES), st.sampled_from([None, 1, 5, 100]), st.booleans())

    def group(tree: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
        parts = st.lists(tree, min_size=1, max_size=4).map(tuple)
        groups = st.builds(lambda kind, some: Tree(kind, None, some), st.sampled_from(GROUPS), parts)
        return groups | st.builds(lambda one: Tree("caught", None, (one,)), tree)

    return st.recursive(leaf, group, max_leaves=10).map(lambda tree: tree.numbered(iter(range(1_000))))
