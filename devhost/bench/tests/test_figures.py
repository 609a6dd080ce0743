import pytest

from devhost.bench.contenders import DBOS, DEVHOST, FRAMEWORK, IN_MEMORY
from devhost.bench.figures import AtMost, AtMostTimesPlus, Line, Spread, TimesBetter


def test_a_spread_is_the_median_with_the_extremes() -> None:
    assert Spread.of([3.0, 1.0, 8.0]) == Spread(median=3.0, low=1.0, high=8.0)


def test_ratios_are_taken_repetition_by_repetition() -> None:
    line = Line("chain", "ms", {DEVHOST: [1.0, 10.0, 2.0], DBOS: [3.0, 20.0, 8.0]})
    assert line.times(DBOS) == Spread(median=3.0, low=2.0, high=4.0)


def test_where_more_is_better_the_ratio_is_turned_round() -> None:
    line = Line("chains", "steps/s", {DEVHOST: [800.0], DBOS: [200.0]}, more_is_better=True)
    assert line.times(DBOS) == Spread(4.0, 4.0, 4.0)


def test_without_the_other_or_with_nothing_to_divide_by_there_is_no_ratio() -> None:
    line = Line("lost", "", {DEVHOST: [0.0], DBOS: [1.0]})
    assert line.times(DBOS) is None
    assert line.times(IN_MEMORY) is None


@pytest.mark.parametrize(("needed", "is_reached"), [(5.0, True), (5.1, False)])
def test_a_limit_holds_for_the_median(needed: float, is_reached: bool) -> None:
    assert AtMost(5, "ms").is_reached(Line("event", "ms", {DEVHOST: [1.0, needed, 9.0]})) is is_reached


@pytest.mark.parametrize(("theirs", "is_reached"), [(8.0, True), (7.9, False)])
def test_being_so_many_times_better(theirs: float, is_reached: bool) -> None:
    assert TimesBetter(4, DBOS).is_reached(Line("chain", "ms", {DEVHOST: [2.0], DBOS: [theirs]})) is is_reached


def test_a_contender_that_took_no_part_is_not_beaten() -> None:
    assert not TimesBetter(4, DBOS).is_reached(Line("chain", "ms", {DEVHOST: [2.0]}))


@pytest.mark.parametrize(("needed", "is_reached"), [(15.5, True), (15.6, False)])
def test_a_limit_in_terms_of_a_baseline(needed: float, is_reached: bool) -> None:
    line = Line("agent turn", "ms", {DEVHOST: [needed], FRAMEWORK: [10.0]})
    assert AtMostTimesPlus(1.25, 3, FRAMEWORK).is_reached(line) is is_reached
