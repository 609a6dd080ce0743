"""The writer drafts, and revises within a session."""

import pytest

from agents.writer import DESCRIPTION, NAME, Draft, Outline, Section, create_writer
from durable_agents.testing import OfflineChatClient


def test_the_agent_is_named_and_described() -> None:
    writer = create_writer(OfflineChatClient())
    assert (writer.name, writer.description) == (NAME, DESCRIPTION)


async def test_a_run_answers_in_prose() -> None:
    response = await create_writer(OfflineChatClient()).run("Write about reusable bottles.")
    assert "reusable bottles" in response.text


async def test_a_draft_is_structured_output() -> None:
    writer = create_writer(OfflineChatClient())
    response = await writer.run("Write about reusable bottles.", options={"response_format": Draft})
    assert isinstance(response.value, Draft)
    assert "reusable bottles" in response.value.title


async def test_a_revision_differs_from_the_draft() -> None:
    writer = create_writer(OfflineChatClient())
    session = writer.create_session()
    draft = await writer.run("Write about bottles.", session=session, options={"response_format": Draft})
    revision = await writer.run("Mention steel.", session=session, options={"response_format": Draft})
    assert isinstance(draft.value, Draft)
    assert isinstance(revision.value, Draft)
    assert draft.value.content != revision.value.content
    assert "steel" in revision.value.content
    assert "bottles" in revision.value.content


async def test_an_outline_is_structured_output() -> None:
    response = await create_writer(OfflineChatClient()).run(
        "Outline an article about bottles.", options={"response_format": Outline}
    )
    assert isinstance(response.value, Outline)
    assert not any(section.is_empty for section in response.value.sections)
    assert "bottles" in response.value.as_text()


@pytest.mark.parametrize(
    ("heading", "points"), [("", ["A point."]), (" ", ["A point."]), ("Steel", []), ("Steel", [""])]
)
def test_a_section_needs_a_heading_and_a_point(heading: str, points: list[str]) -> None:
    assert Section(heading=heading, points=points).is_empty
    assert not Section(heading="Steel", points=["", "A point."]).is_empty
