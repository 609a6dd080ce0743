from typing import Any

import pytest
from agent_framework import SupportsChatGetResponse

from agents.voters import JUDGE, Ballot, Judgement, Vote, create_voters, voter_names, with_answers, with_options
from durable_agents.testing import OfflineChatClient

Options = dict[str, object]


def asked_clients(models: tuple[str, ...]) -> tuple[list[Options], list[Any]]:
    """Return what clients were created with, and the agents."""
    made: list[Options] = []

    def create(*, model: str | None = None, temperature: float | None = None) -> SupportsChatGetResponse[Any]:
        made.append({"model": model, "temperature": temperature})
        return OfflineChatClient()

    return made, create_voters(create, models)


def test_without_models_one_is_asked_at_three_temperatures() -> None:
    made, agents = asked_clients(())
    assert made == [{"model": None, "temperature": one} for one in (0.0, 0.5, 1.0, None)]
    assert [agent.name for agent in agents] == ["Voter1", "Voter2", "Voter3", JUDGE] == [*voter_names(()), "Judge"]
    assert agents[1].description.endswith("Temperature: 0.5.")


def test_each_model_has_a_voter_with_the_temperature_that_it_has_itself() -> None:
    models = ("large", "small", "small", "other")
    made, agents = asked_clients(models)
    assert made == [{"model": one, "temperature": None} for one in (*models, None)]
    assert [agent.name for agent in agents] == [*voter_names(models), JUDGE]
    assert agents[3].description.endswith("Model: other.")


@pytest.mark.parametrize("options", [["tea", "coffee"], ["coffee", "tea"]])
async def test_a_vote_is_on_an_option(options: list[str]) -> None:
    _, (voter, *_) = asked_clients(())
    response = await voter.run(with_options("Is 17 prime?", options), options={"response_format": Vote})
    assert response.value.as_ballot("Voter1", options).answer == options[0]


async def test_a_voter_answers_in_words_and_the_judge_on_what_is_there() -> None:
    _, (voter, *_, judge) = asked_clients(())
    answer = (await voter.run("What is a queue?")).text
    judgement = (await judge.run(with_answers("What is a queue?", [answer]))).value
    assert judgement.best_of([answer]) == answer


@pytest.mark.parametrize("number", [3, 0, -1])
def test_a_number_that_no_option_has_is_no_vote(number: int) -> None:
    ballot = Vote(option=number, reason="r").as_ballot("Voter1", ["tea", "coffee"])
    assert ballot == Ballot(voter="Voter1", reason=f"Chose option {number} of 2.")


def test_answers_that_agree_are_those_that_are_there() -> None:
    judgement = Judgement(best=2, agreeing=[3, 7], reason="r")
    assert judgement.alike_of(["a", "b", "c"]) == {"b", "c"}
    for number in (2, 0, -1):
        with pytest.raises(ValueError, match=f"Agent 'Judge' chose answer {number} of 1"):
            Judgement(best=number, agreeing=[], reason="r").best_of(["a"])
