from agent_framework import tool

from agents.editor import NAME, create_editor
from durable_agents.testing import OfflineChatClient


async def test_the_agent_uses_the_tools_it_is_given() -> None:
    asked: list[str] = []

    @tool(approval_mode="never_require")
    def start_article(topic: str) -> str:
        """Start an article."""
        asked.append(topic)
        return "run-1"

    response = await create_editor(OfflineChatClient(), [start_article]).run("Start an article about tea")
    assert asked == ["tea"]
    assert "run-1" in response.text


def test_its_name_is_stored_in_sessions() -> None:
    assert NAME == "Editor"
