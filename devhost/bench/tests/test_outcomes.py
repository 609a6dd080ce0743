import pytest

from devhost.bench.outcomes import COMPLETED, Outcome, WrongOutcomeError, check, digest, expected

RUNS = ["a", "b"]


def completed(run: str, output: object = 1) -> Outcome:
    return Outcome(run, COMPLETED, output)


def test_runs_that_completed_with_the_output_are_right_in_any_order() -> None:
    check(RUNS, [completed("b"), completed("a")], 1)


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        ([completed("a"), Outcome("b", "Failed", "boom")], r"Run b is Failed \(boom\), expected Completed with 1\."),
        ([completed("a"), Outcome("b", "Running", None)], "Run b is Running"),
        ([completed("a"), completed("b", 2)], r"Run b completed with 2, expected 1\."),
        ([completed("a"), completed("b", True)], r"Run b completed with True, expected 1\."),
        ([completed("a")], "Run b is missing"),
        ([], "Run a is missing"),
        ([completed("a"), completed("b"), completed("c")], "a run c that nobody started"),
    ],
)
def test_anything_else_is_refused_with_a_sentence(outcomes: list[Outcome], sentence: str) -> None:
    with pytest.raises(WrongOutcomeError, match=sentence):
        check(RUNS, outcomes, 1)


def test_one_run_that_was_started_twice_is_no_two_runs() -> None:
    with pytest.raises(WrongOutcomeError, match="2 runs were started, but they have only 1 ids"):
        check(["a", "a"], [completed("a")], 1)


@pytest.mark.parametrize("results", [[0, 1], [0, 1, 1], [0, 2, 1], [], [0, 1, 2, 0]])
def test_a_result_that_is_missing_wrong_or_elsewhere_makes_another_digest(results: list[int]) -> None:
    assert digest(results) != digest(range(3)) == expected("chain", 3)
