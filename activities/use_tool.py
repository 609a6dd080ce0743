"""Use a tool that a model has asked for."""

import logging
from collections.abc import Sequence
from typing import Any

from agent_framework import FunctionTool
from pydantic import BaseModel, ValidationError

from agents import clerk
from durable_agents import Keyed

logger = logging.getLogger(__name__)
_MOST_CHARACTERS = 4_000


class ToolUse(Keyed):
    """The name of a tool and what it is given, as a model has written it: either may be wrong."""

    name: str
    arguments: dict[str, Any]


class ToolResult(BaseModel):
    """What the model is told."""

    text: str


async def use_tool(use: ToolUse, *, tools: Sequence[FunctionTool] = clerk.LOOP_TOOLS) -> ToolResult:
    """Return what the tool says, of a long text the beginning, or to the model's own mistakes how to correct them.

    Runs at least once, as its tool does: one that acts outside needs a key, which is `use.key`.

    Raises:
        Exception: The tool failed, with an exception of its own.
    """
    tool = next((tool for tool in tools if tool.name == use.name), None)
    if tool is None:
        return ToolResult(text=f"There is no tool {use.name!r}. Known: {', '.join(tool.name for tool in tools)}.")
    assert tool.input_model is not None
    try:
        arguments = tool.input_model.model_validate(use.arguments, extra="forbid")
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        return ToolResult(text=f"The arguments of {use.name} are wrong: {wrong}. Correct the call.")
    # A tool without text, such as one that returns an image, has nothing to say here.
    contents = await tool.invoke(arguments=arguments)
    text = "\n".join(content.text for content in contents if content.text)
    logger.info("%s: used %s", use.key, use.name)
    cut = (
        f"{text[:_MOST_CHARACTERS]} (cut off: it has {len(text)} characters)" if len(text) > _MOST_CHARACTERS else text
    )
    return ToolResult(text=cut)
