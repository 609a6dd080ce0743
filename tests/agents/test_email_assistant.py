"""The e-mail assistant drafts a reply with a subject and a body."""

from agents.email_assistant import DESCRIPTION, NAME, EmailReply, create_email_assistant
from durable_agents.testing import OfflineChatClient


def test_the_agent_is_named_and_described() -> None:
    assistant = create_email_assistant(OfflineChatClient())
    assert (assistant.name, assistant.description) == (NAME, DESCRIPTION)


async def test_a_reply_takes_up_subject_and_text() -> None:
    assistant = create_email_assistant(OfflineChatClient())
    response = await assistant.run("From: ann@example.com\nSubject: Opening hours\n\nAre you open on Sunday?")
    assert isinstance(response.value, EmailReply)
    assert "Opening hours" in response.value.subject
    assert "open on Sunday" in response.value.body


async def test_an_empty_email_gets_a_reply() -> None:
    response = await create_email_assistant(OfflineChatClient()).run("Subject:\n\n")
    assert isinstance(response.value, EmailReply)
