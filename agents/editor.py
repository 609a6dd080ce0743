"""Editor: has articles written, approved and published, and tells how they are getting on."""

from collections.abc import Sequence
from typing import Any

from agent_framework import Agent, FunctionTool, SupportsChatGetResponse

NAME = "Editor"
DESCRIPTION = "Has articles written, reviewed by a human and published, and tells how they are getting on."
INSTRUCTIONS = """\
You have articles written on the topics that are asked for.

- Start one run for each article, and tell its id.
- An article takes hours, for a human reviews it: do not wait for it. Check a run when you are asked how it is.
- You are told when a run is over. Tell the user in one or two sentences what came of the article, and where it is."""


def create_editor(chat_client: SupportsChatGetResponse[Any], run_tools: Sequence[FunctionTool]) -> Agent[Any]:
    """Create the agent; `run_tools` start the orchestration that makes an article, and check it."""
    return Agent(chat_client, INSTRUCTIONS, name=NAME, description=DESCRIPTION, tools=list(run_tools))
