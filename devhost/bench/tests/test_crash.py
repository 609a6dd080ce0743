import pytest

from devhost.bench.crash import ALL_STEPS, RUNS, STEPS, Crash, check_steps
from devhost.bench.jitter import Step
from devhost.bench.outcomes import WrongOutcomeError

EVERY_STEP = [Step(f"run-{n}", step, 1.0) for n in range(RUNS) for step in range(STEPS)]


def test_every_step_has_to_have_taken_effect() -> None:
    check_steps([*EVERY_STEP, EVERY_STEP[0]])
    with pytest.raises(WrongOutcomeError, match=f"1 of {ALL_STEPS} steps left no line, step 0 of run-0 among them"):
        check_steps(EVERY_STEP[1:])


def test_what_took_effect_twice_was_repeated_and_what_was_answered_must_not_be() -> None:
    before = [Step("run-0", 0, 1.0), Step("run-0", 1, 2.0), Step("run-1", 0, 2.0), Step("run-2", 0, 2.0)]
    durable = {("run-2", 0)}

    def crash(*again: Step) -> tuple[int, int]:
        one = Crash(before, [Step("run-1", 1, 3.0), *again], durable, ready_at=2.5, done_at=4.0)
        return one.repeated, one.answered_and_repeated

    assert crash() == (0, 0)
    assert crash(Step("run-0", 1, 3.0), Step("run-1", 0, 3.0)) == (2, 0)
    assert crash(Step("run-0", 0, 3.0)) == (1, 1)  # step 1 had begun with its result
    assert crash(Step("run-2", 0, 3.0)) == (1, 1)  # its result was in the file


def test_runs_without_their_last_step_were_in_flight() -> None:
    ended = [Step("run-0", STEPS - 1, 1.0), Step("run-1", STEPS - 2, 1.0)]
    assert Crash(ended, [], set(), 1.0, 2.0).in_flight == RUNS - 1
