from agents.claim_assessor import NAME, ClaimAssessment, create_claim_assessor
from durable_agents.testing import OfflineChatClient, ScriptedChatClient


async def test_it_answers_with_an_assessment() -> None:
    given = ClaimAssessment(is_suspicious=True, reason="The dates contradict.")
    agent = create_claim_assessor(ScriptedChatClient(given))
    assert (agent.name, (await agent.run("A pipe broke.")).value) == (NAME, given)


async def test_the_offline_model_says_what_the_account_says_of_itself() -> None:
    agent = create_claim_assessor(OfflineChatClient())
    for account, is_suspicious in (("A pipe broke.", False), ("It is suspicious.", True)):
        assert ClaimAssessment.model_validate_json((await agent.run(account)).text).is_suspicious is is_suspicious
