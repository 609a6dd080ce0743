import pytest

from agents.researcher import NAME, count_words, create_researcher, search_library
from durable_agents.testing import OfflineChatClient


async def test_the_agent_uses_its_tools() -> None:
    response = await create_researcher(OfflineChatClient()).run("Search the library for warranty on batteries")
    calls = [c.name for message in response.messages for c in message.contents if c.type == "function_call"]
    assert calls == ["search_library"]
    assert "warranty.txt" in response.text


def test_the_search_names_its_documents_and_puts_the_best_sentence_first() -> None:
    lines = search_library("a parcel that is lost").splitlines()
    assert lines[0].startswith("shipping.txt: A parcel that has not moved for 10 days counts as lost")
    assert any(line.startswith("returns.txt: ") for line in lines)


def test_a_search_without_a_hit_says_so() -> None:
    assert search_library("zebra") == "Nothing in the library for 'zebra'."


@pytest.mark.parametrize("document", ["../researcher.py", "/etc/passwd", "nothing.txt"])
def test_only_documents_of_the_library_are_counted(document: str) -> None:
    assert count_words("returns.txt").startswith("returns.txt has ")
    assert "Known: returns.txt, shipping.txt, warranty.txt." in count_words(document)


def test_its_name_is_stored_in_sessions() -> None:
    assert NAME == "Researcher"
