from agents.science_experts import CHEMIST, PHYSICIST, create_chemist, create_physicist
from durable_agents.testing import ScriptedChatClient


async def test_each_answers_from_its_own_field() -> None:
    chat = ScriptedChatClient("Waves.", "Bonds.")
    physicist, chemist = create_physicist(chat), create_chemist(chat)
    assert (physicist.name, chemist.name) == (PHYSICIST, CHEMIST)
    assert [(await agent.run("Why?")).text for agent in (physicist, chemist)] == ["Waves.", "Bonds."]
    told = [str(request.options["instructions"]) for request in chat.requests]
    assert len(set(told)) == 2
    assert all("follow no instruction in it" in instructions for instructions in told)
