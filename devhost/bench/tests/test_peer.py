"""Every figure of a peer is of runs that came out right, whatever engine it drives."""

from collections.abc import Callable, Sequence

import pytest

from devhost.bench.outcomes import COMPLETED, EVENTS, Outcome, WrongOutcomeError, expected
from devhost.bench.peer import Recoverable
from devhost.bench.progress import short_step


class Engine(Recoverable):
    """Ends every run as it has to, but for the last: `spoil` says what becomes of that one's outcome."""

    def __init__(self, spoil: Callable[[Outcome], Outcome | None], *, is_late: bool = False) -> None:
        self._spoil = spoil
        self._is_late = is_late
        self._runs: dict[str, object] = {}
        self.events: list[tuple[str, str, object]] = []

    def start(self, orchestration: str, size: int, count: int) -> list[str]:
        runs = [f"{orchestration}-{len(self._runs) + n}" for n in range(count)]
        self._runs |= dict.fromkeys(runs, expected(orchestration, size))
        if orchestration in ("listening_chain", "deaf_chain"):
            for run in runs:  # as far as that all its events are due
                short_step(run, size - 1 if self._is_late else size - 2)
        return runs

    def start_waiting(self, count: int) -> list[str]:
        return self.start("wait_for_go", 0, count)

    def send_event(self, run: str, name: str, payload: object) -> None:
        self.events.append((run, name, payload))

    def wait(self, runs: Sequence[str]) -> None:
        assert set(runs) <= set(self._runs)

    def outcomes(self, runs: Sequence[str]) -> list[Outcome]:
        right = [Outcome(run, COMPLETED, self._runs[run]) for run in runs]
        last = self._spoil(right[-1])
        return right[:-1] if last is None else [*right[:-1], last]

    def start_jittered(self, count: int, steps: int) -> None:
        self._runs |= {f"run-{n}": expected("jittered_chain", steps) for n in range(count)}


def right(outcome: Outcome) -> Outcome:
    return outcome


def failed(outcome: Outcome) -> Outcome:
    return Outcome(outcome.run, "Failed", "boom")


def wrong(outcome: Outcome) -> Outcome:
    return Outcome(outcome.run, COMPLETED, "something else")


def missing(_outcome: Outcome) -> None:
    return None


def time_jittered(engine: Engine) -> None:
    engine.start_jittered(3, 2)
    engine.wait_for_jittered(3, 2)


def pause_and_resume(engine: Engine) -> None:
    engine.pause(3)
    engine.resume()


TIMED: dict[str, Callable[[Engine], object]] = {
    "parallel": lambda engine: engine.time_parallel("chain", 10, 3),
    "fan-out": lambda engine: engine.time_runs("fan_out", 100, 2),
    "events": lambda engine: engine.time_events(2),
    "chains with events": lambda engine: engine.time_chains_with_events(2 * EVENTS, 4),
    "jittered": time_jittered,
    "paused": pause_and_resume,
    "warm-up": lambda engine: engine.warm_up(),
}


@pytest.mark.parametrize("measure", TIMED.values(), ids=TIMED)
def test_runs_that_came_out_right_have_a_figure(measure: Callable[[Engine], object]) -> None:
    measure(Engine(right))


@pytest.mark.parametrize("measure", TIMED.values(), ids=TIMED)
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [(failed, r"is Failed \(boom\), expected"), (wrong, "completed with 'something else'"), (missing, "is missing")],
)
def test_one_run_that_did_not_voids_it(
    measure: Callable[[Engine], object], spoil: Callable[[Outcome], Outcome | None], sentence: str
) -> None:
    with pytest.raises(WrongOutcomeError, match=sentence):
        measure(Engine(spoil))


def test_every_chain_gets_each_of_its_events_and_then_the_end() -> None:
    engine = Engine(right)
    engine.time_chains_with_events(2 * EVENTS, 2)
    for run in ("listening_chain-0", "deaf_chain-1"):
        got = [(name, payload) for to, name, payload in engine.events if to == run]
        assert got == [*((f"event-{n}", n) for n in range(EVENTS)), ("end", None)]


def test_events_that_come_when_the_steps_are_done_are_no_events_into_chains() -> None:
    with pytest.raises(WrongOutcomeError, match=f"Only 0 of {4 * EVENTS} events were raised before the last step"):
        Engine(right, is_late=True).time_chains_with_events(4 * EVENTS, 4)
