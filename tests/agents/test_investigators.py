from agents.investigators import (
    INVESTIGATOR,
    PLANNER,
    SYNTHESIZER,
    Findings,
    Plan,
    Report,
    create_investigators,
)
from durable_agents.testing import OfflineChatClient, ScriptedChatClient, asked


async def test_each_answers_with_its_model() -> None:
    answers = [
        (await agent.run("Topic: tea\nPart: where it grows")).value
        for agent in create_investigators(OfflineChatClient())
    ]
    assert [type(answer) for answer in answers] == [Plan, Findings, Report]


async def test_an_investigator_is_asked_again_in_its_conversation() -> None:
    found = Findings(summary="Assam.", facts=[], open_points=[])
    chat = ScriptedChatClient(asked("Part: where it grows", found), asked("Your open points", found))
    (investigator,) = (agent for agent in create_investigators(chat) if agent.name == INVESTIGATOR)
    session = investigator.create_session()
    for message in ("Topic: tea\nPart: where it grows", "Your open points:\nKenya?"):
        assert (await investigator.run(message, session=session)).value == found
    chat.check_finished()


def test_findings_are_read_with_what_they_leave_open() -> None:
    findings = Findings(summary="In Assam.", facts=["Since 1837."], open_points=["And Kenya?"])
    assert findings.as_text() == "In Assam.\n- Since 1837.\n- Open: And Kenya?"


def test_their_names_are_stored_in_sessions() -> None:
    assert [agent.name for agent in create_investigators(OfflineChatClient())] == [PLANNER, INVESTIGATOR, SYNTHESIZER]
    assert (PLANNER, INVESTIGATOR, SYNTHESIZER) == ("ResearchPlanner", "Investigator", "Synthesizer")
