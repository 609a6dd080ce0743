"""Take, give back, enqueue, commit, refuse, cancel and stop, in any order: nothing is lost, doubled or played by two.

Hypothesis decides what is asked for, and dice of its seed in which order the event loop takes up what is ready.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from devhost.hub.rows import ActivityItem, Changes, Message
from devhost.tests.crash.virtual_time import VirtualClock
from devhost.tests.unit.dispatcher.any_order import TARGETS, AnyOrderLoop, WitnessedHub, Work, left_of

TARGET = st.sampled_from(TARGETS)
LONG_SECONDS = 3600
HALF = "\ud83d"


class AnyOrder(RuleBasedStateMachine):
    """Asks a dispatcher for things at any moment, and at the end for nothing more until it has done them all."""

    @initialize(seed=st.integers(0, 2**32))
    def open(self, seed: int) -> None:
        dice = Random(seed)
        self.loop = AnyOrderLoop(dice)
        self.hub = WitnessedHub()
        self.work = Work(self.hub, VirtualClock(self.loop), dice)
        self.asked: list[tuple[Changes, asyncio.Task[None]]] = []
        self.timers: dict[tuple[str, str, int], Message] = {}
        self.open_anew()

    def open_anew(self) -> None:
        async def start() -> None:
            self.work.open()

        self.loop.run_until_complete(start())

    @rule(where=TARGET, bodies=st.lists(st.sampled_from(["leaf", "spread"]), min_size=1, max_size=4))
    def enqueue(self, where: str, bodies: Sequence[str]) -> None:
        self.ask(Changes(messages=[Message(where, 15, body) for body in bodies]))

    @rule(where=TARGET)
    def enqueue_in_front(self, where: str) -> None:
        self.ask(Changes(messages=[Message(where, 15, "leaf", is_first=True)]))

    @rule(where=TARGET)
    def schedule_an_activity(self, where: str) -> None:
        self.ask(Changes(activities=[ActivityItem(where, "e", 0, "leaf", None)]))

    @rule(where=TARGET, seconds=st.integers(0, 30))
    def set_a_timer(self, where: str, seconds: int) -> None:
        due = self.work.clock.now() + timedelta(seconds=seconds)
        message = Message(where, 11, "leaf", "e", len(self.timers), due)
        self.timers[where, "e", len(self.timers)] = message
        self.ask(Changes(messages=[message]))

    @precondition(lambda self: self.timers)
    @rule(data=st.data())
    def cancel_a_timer(self, data: st.DataObject) -> None:
        self.ask(Changes(canceled_timers=[data.draw(st.sampled_from(list(self.timers)))]))

    @rule(where=TARGET)
    def ask_for_what_the_hub_refuses(self, where: str) -> None:
        self.ask(Changes(messages=[Message(where, 15, HALF)]))

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        _, task = data.draw(st.sampled_from(self.asked))
        task.cancel()

    @rule(times=st.integers(1, 3))
    def refuse_to_write(self, times: int) -> None:
        self.hub.refusals = times

    @rule(where=TARGET)
    def hold(self, where: str) -> None:
        self.work.held.add(where)

    @rule(where=TARGET)
    def let_go(self, where: str) -> None:
        self.work.held.discard(where)
        self.enqueue(where, ["leaf"])

    @rule(rounds=st.integers(1, 20))
    def go_on(self, rounds: int) -> None:
        self.loop.rounds(rounds)

    @rule(seconds=st.integers(1, 20))
    def let_time_pass(self, seconds: int) -> None:
        self.loop.seconds(seconds)

    @rule(grace=st.sampled_from([0, 0.1, 10]))
    def stop_and_start_anew(self, grace: float) -> None:
        self.loop.run_until_complete(self.work.dispatcher.stop(grace))
        for _, task in self.asked:
            task.cancel()
        self.loop.rounds(30)  # what is written while the host ends is not handed on
        self.open_anew()

    @invariant()
    def nobody_complains(self) -> None:
        assert self.work.errors == []
        assert [one for one, times in (self.hub.consumed + self.hub.finished).items() if times > 1] == []
        for order in self.work.orders.values():
            assert order == sorted(order)

    def ask(self, changes: Changes) -> None:
        """Ask for a commit and go on; whoever asks waits for it."""
        self.asked.append((changes, self.loop.create_task(self.work.commits.soon(changes))))

    def teardown(self) -> None:
        try:
            self.finish()
            self.nobody_complains()
            self.compare()
        finally:
            self.hub.close()
            self.loop.close()

    def finish(self) -> None:
        self.work.fails = False
        self.hub.refusals = 0
        for where in sorted(self.work.held):
            self.let_go(where)
        self.loop.seconds(LONG_SECONDS)

    def compare(self) -> None:
        assert (list(self.hub.pending_messages()), list(self.hub.pending_activities())) == ([], [])
        assert left_of(self.work.dispatcher) == [{}, {}, set()]
        canceled = {key for changes, _ in self.asked for key in changes.canceled_timers}
        for changes, task in self.asked:
            assert task.done()
            was_written = not task.cancelled() and task.exception() is None
            assert was_written or task.cancelled() or isinstance(task.exception(), UnicodeEncodeError)
            for message in changes.messages:
                if was_written and (message.target, message.execution_id, message.task_id) not in canceled:
                    assert self.hub.consumed[message.id] == 1, message
                if message.body == HALF:
                    assert not self.hub.consumed[message.id]
            for activity in changes.activities:
                assert self.hub.finished[activity.id] == 1 or not was_written
        assert self.hub.added <= set(self.hub.consumed) | {message.id for message in self.timers.values()}


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
