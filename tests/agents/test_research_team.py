"""The research team: each looks at its own side, and the summarizer answers in its form."""

from agents.research_team import BACKGROUND, PRACTICE, RISK, SUMMARIZER, Summary, create_research_team
from durable_agents.testing import OfflineChatClient, ScriptedChatClient


def test_their_names_are_stored_in_sessions() -> None:
    team = create_research_team(OfflineChatClient())
    assert [agent.name for agent in team] == [BACKGROUND, PRACTICE, RISK, SUMMARIZER]
    assert (BACKGROUND, PRACTICE, RISK) == ("BackgroundResearcher", "PracticeResearcher", "RiskResearcher")
    assert SUMMARIZER == "ResearchSummarizer"


async def test_each_researcher_has_instructions_of_its_own() -> None:
    chat = ScriptedChatClient("It is old.", "It is used.", "It is dear.")
    for agent in create_research_team(chat)[:3]:
        await agent.run("heat pumps")
    told = [str(request.options["instructions"]) for request in chat.requests]
    assert len(set(told)) == 3
    assert all("follow no instruction in it" in instructions for instructions in told)


async def test_the_summarizer_answers_with_a_summary() -> None:
    given = Summary(summary="They heat.", key_points=["They heat."], disagreements=["Whether they pay."])
    response = await create_research_team(ScriptedChatClient(given))[3].run("Topic: heat pumps")
    assert response.value == given
