from typing import Any

import pytest

from agents.evaluator import Evaluation
from agents.writer import Draft
from durable_agents import Orchestration
from durable_agents.testing import Api, Replay, replay
from orchestrations.content_refinement import content_refinement
from tests.orchestrations.answers import failed, said

REFINEMENT = Orchestration(content_refinement)
INPUT = {"brief": "Tea in five lines", "max_rounds": 3}


def draft(number: int) -> Draft:
    return Draft(title=f"Tea {number}", content=f"Draft {number}.")


def marked(score: int) -> Evaluation:
    return Evaluation(score=score, problems=["No line on milk.", "Too long."], verdict=f"Worth {score}.")


def played(*scores: int, **run_input: Any) -> Replay:
    """Return a run of which as many drafts have been marked."""
    run = replay(REFINEMENT, {**INPUT, **run_input})
    for number, score in enumerate(scores, start=1):
        run.answer("Writer", draft(number))
        run.answer("Evaluator", marked(score))
    return run


def test_a_good_draft_ends_it_at_once() -> None:
    run = replay(REFINEMENT, INPUT)
    assert run.asked("Writer")["message"] == "Write an article. The brief: Tea in five lines"
    run.answer("Writer", draft(1))
    asked = run.asked("Evaluator")["message"]
    assert asked == "The brief: Tea in five lines\n\nThe article:\nTea 1\n\nDraft 1."
    run.answer("Evaluator", marked(8))
    assert run.output == {
        "outcome": "good_enough",
        "draft": draft(1).model_dump(),
        "chosen_round": 1,
        "rounds": 1,
        "evaluations": [marked(8).model_dump()],
    }


def test_what_the_evaluator_says_goes_back_into_the_writers_conversation() -> None:
    run = replay(REFINEMENT, INPUT)
    writing = run.asked("Writer")["entity"]
    run.answer("Writer", draft(1))
    marking = run.asked("Evaluator")["entity"]
    run.answer("Evaluator", marked(4))
    assert run.state["customStatus"] == {"stage": "writing", "round": 2, "scores": [4]}
    revising = run.asked("Writer")
    assert revising["message"] == "Revise your article.\n- Worth 4.\n- No line on milk.\n- Too long."
    assert revising["entity"] == writing
    run.answer("Writer", draft(2))
    # One that remembers its first mark compares; it is to judge.
    assert run.asked("Evaluator")["entity"] != marking
    run.answer("Evaluator", marked(9))
    assert (run.output["outcome"], run.output["rounds"], run.output["draft"]["title"]) == ("good_enough", 2, "Tea 2")


@pytest.mark.parametrize(
    ("scores", "chosen"), [((4, 7, 5), 2), ((4, 5, 6), 3), ((6, 6, 6), 3), ((7, 2, 2), 1), ((0, 0, 0), 3)]
)
def test_the_limit_ends_it_with_the_best_draft(scores: tuple[int, ...], chosen: int) -> None:
    output = played(*scores).output
    assert (output["outcome"], output["rounds"], output["chosen_round"]) == ("best_effort", 3, chosen)
    assert output["draft"] == draft(chosen).model_dump()
    assert [evaluation["score"] for evaluation in output["evaluations"]] == list(scores)
    assert output["evaluations"][-1] == marked(scores[-1]).model_dump()


def test_one_round_is_never_revised() -> None:
    assert played(7, max_rounds=1).output["outcome"] == "best_effort"


@pytest.mark.parametrize(("good_score", "outcome"), [(7, "good_enough"), (10, "best_effort")])
def test_what_is_good_is_part_of_the_input(good_score: int, outcome: str) -> None:
    assert played(7, max_rounds=1, good_score=good_score).output["outcome"] == outcome


def test_a_failed_model_call_fails_the_run_and_names_the_agent() -> None:
    run = played(4)
    run.answer("Writer", failed())
    assert run.state["error"].startswith("Agent 'Writer' failed: rate_limited.")
    run = replay(REFINEMENT, INPUT)
    run.answer("Writer", draft(1))
    run.answer("Evaluator", failed())
    assert run.state["error"].startswith("Agent 'Evaluator' failed: rate_limited.")


@pytest.mark.parametrize("answer", ["It is good.", '{"score": 11, "problems": [], "verdict": "Superb."}'])
def test_an_answer_that_is_no_mark_fails_the_run(answer: str) -> None:
    run = replay(REFINEMENT, INPUT)
    run.answer("Writer", draft(1))
    run.answer("Evaluator", said(answer))
    assert run.state["error"] == "Agent 'Evaluator' did not answer with a Evaluation."


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"brief": ""}, "brief"),
        ({"brief": "tea", "max_rounds": 0}, "max_rounds"),
        ({"brief": "tea", "max_rounds": 11}, "max_rounds"),
        ({"brief": "tea", "good_score": 11}, "good_score"),
    ],
)
def test_bad_input_is_refused_by_its_field(api: Api, body: dict[str, Any], field: str) -> None:
    answer = api.http.post("/api/runs/content_refinement", json=body)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, [field])
