from typing import Any

import pytest
from agent_framework import tool

from activities.use_tool import ToolUse, use_tool


@tool(approval_mode="never_require")
def repeat(text: str, times: int = 1) -> str:
    """Repeat a text."""
    if times < 0:
        raise RuntimeError("the tool is broken")
    return text * times


async def said(name: str = "repeat", **arguments: Any) -> str:
    return (await use_tool(ToolUse(name=name, arguments=arguments), tools=[repeat])).text


async def test_a_tool_is_used() -> None:
    assert await said(text="ab", times=2) == "abab"


async def test_a_tool_that_does_not_exist_is_told_with_those_that_do() -> None:
    assert await said("fly") == "There is no tool 'fly'. Known: repeat."


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "text: Field required"),
        ({"text": "a", "times": "many"}, "times: Input should be a valid integer"),
        ({"text": "a", "colour": "red"}, "colour: Extra inputs are not permitted"),
    ],
)
async def test_wrong_arguments_are_told(arguments: dict[str, Any], told: str) -> None:
    text = await said(**arguments)
    assert text.startswith(f"The arguments of repeat are wrong: {told}")


async def test_a_long_result_is_cut_and_says_so() -> None:
    text = await said(text="a", times=5_000)
    assert text == "a" * 4_000 + " (cut off: it has 5000 characters)"


async def test_a_tool_that_fails_fails_the_activity_so_that_it_is_tried_again() -> None:
    with pytest.raises(RuntimeError, match="the tool is broken"):
        await said(text="a", times=-1)
