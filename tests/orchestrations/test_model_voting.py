from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from agent_framework import AgentResponse, Message
from pydantic import ValidationError

from agents.voters import Judgement, Vote
from durable_agents import Orchestration
from durable_agents.testing import Api, Replay, replay
from orchestrations.model_voting import ModelVotingInput, model_voting

VOTING = Orchestration(model_voting)
OPTIONS = ["tea", "coffee", "milk"]
AWAY = {"error": "away", "status": "error"}
WHY_AWAY = "Agent 'Voter1' failed: EntityOperationFailed. The log of the function app has the model's error."


def text(words: str) -> AgentResponse:
    return AgentResponse(messages=[Message("assistant", [words])])


def started(voters: int, options: Sequence[str] = OPTIONS) -> Replay:
    names = [f"Voter{number}" for number in range(1, voters + 1)]
    return replay(VOTING, {"question": "What is best?", "options": list(options), "voters": names})


def voted(*votes: int | None) -> Replay:
    """Return a run in which each voter has chosen the option with this number, or failed."""
    run = started(len(votes))
    for number, option in enumerate(votes, 1):
        run.answer(f"Voter{number}", AWAY if option is None else Vote(option=option, reason=f"r{number}"))
    return run


def names(ballots: Any) -> list[str]:
    return [ballot["voter"] for ballot in ballots]


def test_all_are_asked_the_same_at_the_same_time() -> None:
    run = started(3)
    messages = {run.asked(f"Voter{number}")["message"] for number in (1, 2, 3)}
    assert messages == {"Options:\n1: tea\n2: coffee\n3: milk\n\nQuestion: What is best?"}


def test_the_majority_decides_and_dissent_is_shown() -> None:
    output = voted(2, 1, 2).output
    assert (output["outcome"], output["answer"], output["margin"]) == ("majority", "coffee", 1)
    assert output["reason"] == "2 of 3 chose 'coffee', the next has 1."
    assert output["votes"][0] == {"voter": "Voter1", "answer": "coffee", "reason": "r1"}
    assert output["dissent"] == [{"voter": "Voter2", "answer": "tea", "reason": "r2"}]
    assert output["failed"] == []


def test_all_of_one_mind_have_the_whole_margin() -> None:
    output = voted(3, 3, 3).output
    assert (output["answer"], output["margin"], output["dissent"]) == ("milk", 3, [])


@pytest.mark.parametrize(("votes", "margin"), [((1, 2, 1, 2), 0), ((1, 1, 2, 3), 1), ((1, 2, 3), 0)])
def test_a_tie_and_votes_that_are_spread_leave_it_undecided(votes: tuple[int, ...], margin: int) -> None:
    output = voted(*votes).output
    assert (output["outcome"], output["answer"], output["margin"]) == ("undecided", None, margin)
    assert (len(output["votes"]), output["dissent"]) == (len(votes), [])


def test_who_fails_is_named_and_has_no_vote() -> None:
    output = voted(None, 2, 2).output
    assert (output["outcome"], output["answer"]) == ("majority", "coffee")
    assert output["failed"] == [{"voter": "Voter1", "answer": None, "reason": WHY_AWAY}]


def test_a_majority_is_one_of_all_who_were_asked() -> None:
    output = voted(1, 1, 2, None, None).output
    assert (output["outcome"], output["answer"], output["margin"]) == ("undecided", None, 1)


@pytest.mark.parametrize("votes", [(None, None, 1), (None, 1, None, 1)])
def test_of_too_few_votes_there_is_no_majority(votes: tuple[int | None, ...]) -> None:
    error = voted(*votes).state["error"]
    assert error.startswith(f"{len(votes) // 2} of {len(votes)} voters answered, too few for a majority. Voter1: ")
    assert WHY_AWAY in error


def test_an_option_that_is_not_there_an_answer_of_another_form_and_a_late_one_are_no_votes() -> None:
    run = started(7)
    run.answer("Voter1", Vote(option=4, reason="none fits"))
    run.answer("Voter2", text("Tea!"))
    for number in (4, 5, 6, 7):
        run.answer(f"Voter{number}", Vote(option=1, reason=""))
    run.pass_time(timedelta(minutes=3))
    assert (run.output["outcome"], run.output["margin"]) == ("majority", 4)
    assert {one["voter"]: one["reason"] for one in run.output["failed"]} == {
        "Voter1": "Chose option 4 of 3.",
        "Voter2": "Agent 'Voter2' did not answer with a Vote.",
        "Voter3": "Agent 'Voter3' did not answer within 0:03:00.",
    }
    assert run.timers() == {}


def written(*texts: str) -> Replay:
    """Return a run in which the voters have answered in these words."""
    run = started(len(texts), options=())
    for number, words in enumerate(texts, 1):
        run.answer(f"Voter{number}", text(words))
    return run


def test_a_judge_compares_texts_and_shows_who_differs() -> None:
    run = written("Tea, surely.", "Milk.", "It is tea.")
    run.answer("Judge", Judgement(best=3, agreeing=[1], reason="Two say tea."))
    output = run.output
    assert (output["outcome"], output["answer"], output["reason"]) == ("judged", "Tea, surely.", "Two say tea.")
    assert (output["margin"], names(output["dissent"]), names(output["votes"])) == (
        1,
        ["Voter2"],
        ["Voter1", "Voter2", "Voter3"],
    )


def test_the_judge_cannot_tell_who_wrote_what() -> None:
    read = set()
    for texts in (("c", "a", "b"), ("a", "b", "c"), ("b", "c", "a")):
        read.add(written(*texts).asked("Judge")["message"])
    assert read == {"Answer 1:\na\n\nAnswer 2:\nb\n\nAnswer 3:\nc\n\nQuestion: What is best?"}


def test_the_same_words_are_one_answer_with_the_votes_of_all_who_wrote_them() -> None:
    run = written("Tea.", "Tea.", "Milk.")
    assert run.asked("Judge")["message"].startswith("Answer 1:\nMilk.\n\nAnswer 2:\nTea.\n\nQuestion")
    run.answer("Judge", Judgement(best=1, agreeing=[], reason="It is."))
    assert (run.output["answer"], run.output["margin"], names(run.output["dissent"])) == (
        "Milk.",
        -1,
        ["Voter1", "Voter2"],
    )


def test_what_agrees_and_is_not_there_is_no_vote() -> None:
    run = written("a", "b", "c")
    run.answer("Judge", Judgement(best=1, agreeing=[9, 0], reason=""))
    assert run.output["margin"] == -1


def test_a_judgement_on_what_is_not_there_fails_the_run() -> None:
    run = written("a", "b", "c")
    run.answer("Judge", Judgement(best=4, agreeing=[], reason=""))
    assert run.state["error"] == "Agent 'Judge' chose answer 4 of 3."


def test_a_judge_that_fails_or_is_too_slow_fails_the_run() -> None:
    run = written("a", "b", "c")
    run.answer("Judge", AWAY)
    assert run.state["error"].startswith("Agent 'Judge' failed")
    run = written("a", "b", "c")
    run.pass_time(timedelta(minutes=3))
    assert run.state["error"] == "Agent 'Judge' did not answer within 0:03:00."


def test_texts_need_a_majority_of_voters_too() -> None:
    run = started(3, options=())
    run.answer("Voter1", AWAY)
    run.answer("Voter2", text("a"))
    run.answer("Voter3", AWAY)
    assert run.state["error"].startswith("1 of 3 voters answered, too few for a majority. Voter1: ")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("question", " "),
        ("options", ["tea"]),
        ("options", ["tea", "Tea "]),
        ("options", ["tea", " "]),
        ("options", [f"option {number}" for number in range(21)]),
        ("voters", []),
    ],
)
def test_an_input_that_cannot_be_meant_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        ModelVotingInput.model_validate({"question": "What?", "options": OPTIONS, "voters": ["Voter1"], field: value})
    assert {error["loc"][0] for error in caught.value.errors()} == {field}


def test_it_runs_on_a_host_whose_deployment_says_who_votes(api: Api) -> None:
    question = {"question": "What is best?"}
    chosen = api.start("model_voting", {**question, "options": OPTIONS})
    judged = api.finish(api.start("model_voting", question))
    assert (judged["outcome"], len(judged["votes"])) == ("judged", 3)
    assert (api.finish(chosen)["outcome"], api.finish(chosen)["answer"]) == ("majority", "tea")
    refused = api.http.post("/api/runs/model_voting", json={**question, "options": ["tea"], "voters": ["Judge"]})
    assert refused.status_code == 400
    assert "voters: is set by the deployment" in refused.json()["detail"]
