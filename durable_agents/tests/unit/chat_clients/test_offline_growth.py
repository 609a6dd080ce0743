"""What the offline model takes for a text grows with the text, not with its square: anybody may send one."""

import time
from collections.abc import Callable
from datetime import date, datetime
from typing import Literal

import pytest
from agent_framework import Message, tool
from pydantic import AnyUrl, BaseModel, Field

from durable_agents.chat_clients.offline.conversation import Conversation
from durable_agents.chat_clients.offline.reply import compose_reply

# Each is repeated to the length of the text; none of them is found in one go.
UNITS = [
    "a",
    " x",
    "\n",
    "in ",
    "Refund order ",
    "order A-1: ",
    "in !",
    "on\t",
    '"',
    '" ',
    "\u201c",
    "\u201c\u201d",
    "1",
]
UNITS += [
    ".a",
    "a@",
    "@a",
    "a.",
    "a@b.",
    "-1",
    "1.",
    "http://",
    "http://a/",
    ":",
    "a:",
    "12:",
    "1.1.",
    "click ",
    "you have ",
]
UNITS += ["name:", "name: \t", "name:\n", "\\", "(", "\N{PILE OF POO}", "a\u0301", "\u200d", ". ", "! ", "_", "A", "aA"]


class Everything(BaseModel):
    is_spam: bool
    confidence: float
    title: str
    name: str
    order_id: str
    day: date
    moment: datetime
    link: AnyUrl
    code: str | None = Field(None, pattern=r"^[A-Z]{2}-\d{4}$")
    mail: str = Field(json_schema_extra={"format": "email"})
    count: int
    kind: Literal["small", "large"]
    points: list[str]


@tool(approval_mode="never_require")
def refund_order(order_id: str, name: str, note: str, mail: str, amount: float) -> str:
    """Refund an order."""
    return "refunded"


def seconds_of(work: Callable[[], object]) -> float:
    """Return what the work takes of a processor, whatever else the machine does."""
    took = []
    for _ in range(3):
        began = time.thread_time()
        work()
        took.append(time.thread_time() - began)
    return min(took)


@pytest.mark.parametrize("options", [{"response_format": Everything}, {"tools": [refund_order]}, {}])
@pytest.mark.parametrize("unit", UNITS)
def test_the_time_grows_with_the_text(unit: str, options: dict[str, object]) -> None:
    def answer(length: int) -> Callable[[], object]:
        text = "Refund order " + unit * (length // len(unit))
        return lambda: compose_reply([Message("user", [text])], options)

    # Both are below the limit of what is read, which would hide how the time grows.
    short, long = seconds_of(answer(5_000)), seconds_of(answer(40_000))
    # The square would be 64 times as much; what is too little to be measured is no square of anything either.
    assert long < max(24 * short, 0.02)


@pytest.mark.parametrize("length", [49_999, 50_001, 500_000])
def test_no_more_of_a_text_is_read_than_a_limit(length: int) -> None:
    conversation = Conversation.from_messages([Message("user", ["x" * length])], "")
    assert len(conversation.user_texts[-1]) == min(length, 50_000)
    assert compose_reply([Message("user", ["x" * length])], {}).usage["input_token_count"] == -(-length // 4)
