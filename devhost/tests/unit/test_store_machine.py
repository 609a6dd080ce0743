"""However commits, failures, purges and crashes follow each other, the task hub holds what a plain model holds."""

import shutil
import sqlite3
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from devhost.hub.rows import Changes, HistoryRow, Instance, Message, Status
from devhost.hub.store import TaskHub
from devhost.tests.unit.commit import commit

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
NAMES = st.sampled_from(["a", "b", "c"])
BODIES = st.lists(st.tuples(NAMES, st.booleans()), max_size=4)


class HubMachine(RuleBasedStateMachine):
    """Keeps the expected instances, histories and message bodies beside a real file."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.hub = TaskHub(self.folder / "state.db")
        self.instances: dict[str, Instance] = {}
        self.histories: dict[str, list[HistoryRow]] = {}
        self.messages: list[Message] = []
        self.sent = 0

    @rule(name=NAMES, status=st.sampled_from(Status), minutes=st.integers(0, 3), bodies=BODIES)
    def commit_a_turn(self, name: str, status: Status, minutes: int, bodies: list[tuple[str, bool]]) -> None:
        """Put an instance, append to its history, consume its messages and send others."""
        row = HistoryRow(str(self.sent))
        changes = self._changes(name, status, minutes, bodies)
        changes.history = [(name, len(self.histories.get(name, [])), row)]
        commit(self.hub, changes)
        self.instances[name] = changes.instances[0]
        self.histories.setdefault(name, []).append(row)
        left = [one for one in self.messages if one.id not in changes.consumed]
        first = [one for one in changes.messages if one.is_first]
        self.messages = [*first, *left, *(one for one in changes.messages if not one.is_first)]

    @precondition(lambda self: any(self.histories.values()))
    @rule(data=st.data(), bodies=BODIES)
    def fail_to_commit(self, data: st.DataObject, bodies: list[tuple[str, bool]]) -> None:
        """Write a history row that exists, last of all changes but the messages."""
        name = data.draw(st.sampled_from(sorted(name for name, rows in self.histories.items() if rows)))
        changes = self._changes(name, Status.FAILED, 0, bodies)
        changes.history = [(name, 0, HistoryRow("again"))]
        with pytest.raises(sqlite3.IntegrityError):
            commit(self.hub, changes)

    @rule(name=NAMES)
    def purge(self, name: str) -> None:
        """Forget an instance, whether there is one or not."""
        commit(self.hub, Changes(purged=[name]))
        self.instances.pop(name, None)
        self.histories.pop(name, None)
        self.messages = [one for one in self.messages if one.target != name]

    @rule()
    def reopen(self) -> None:
        """Close the file in good order."""
        self.hub.close()
        self.hub = TaskHub(self.folder / "state.db")

    @rule()
    def crash(self) -> None:
        """Go on with a copy of the files as a killed process leaves them, the log not folded in."""
        copy = Path(tempfile.mkdtemp())
        for file in self.folder.iterdir():
            shutil.copy(file, copy)
        self.teardown()
        self.folder = copy
        self.hub = TaskHub(copy / "state.db")

    @invariant()
    def holds_what_is_expected(self) -> None:
        """Compare everything."""
        wanted = sorted(self.instances.values(), key=lambda one: (one.created, one.instance_id))
        assert self.hub.instances(limit=100) == wanted
        assert {name: self.hub.history(name) for name in self.histories} == self.histories
        assert [(one.id, one.body) for one in self.hub.pending_messages()] == [
            (one.id, one.body) for one in self.messages
        ]

    def teardown(self) -> None:
        """Close the file and remove it."""
        self.hub.close()
        shutil.rmtree(self.folder)

    def _changes(self, name: str, status: Status, minutes: int, bodies: list[tuple[str, bool]]) -> Changes:
        self.sent += 1
        created = NOW + timedelta(minutes=minutes)
        present = self.instances.get(name, Instance(name, f"execution {self.sent}", "main", status, created, created))
        return Changes(
            consumed=[one.id for one in self.messages if one.target == name],
            instances=[replace(present, status=status)],
            messages=[
                Message(target, 15, f"{self.sent}.{n}", is_first=is_first)
                for n, (target, is_first) in enumerate(bodies)
            ],
        )


TestHub = HubMachine.TestCase
TestHub.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
