"""The orchestrations of the app, each with what one run of it is given, asks, does and ends with: one row each.

The rows are run over the wire in test_patterns_wire.py and on a host that kills itself in test_patterns_crash.py. Of an
orchestration that the app no longer has, the row is skipped.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from durable_agents.testing.chat_server import Answer, ChatRequest, Step

Reply: TypeAlias = str | dict[str, Any] | Step


@dataclass(frozen=True)
class Pattern:
    """One run of an orchestration.

    `answers` has what the model says: the first one whose key is the output model that is asked for, or stands in the
    instructions or in the message. No two of a run may be the same, for a crash is looked for in what the task hub has
    of them. `approvals` are the decisions in their order, `events` what is said to whom waits for that. `output` is a
    part of what the run ends with. `cut_off` is too, or the text of the error, when the first answer is cut off.
    """

    name: str
    input: dict[str, Any]
    answers: Mapping[str, Reply | Callable[[ChatRequest], Reply]]
    output: dict[str, Any]
    model_calls: int
    activities: Mapping[str, int] = field(default_factory=dict)
    approvals: tuple[dict[str, Any], ...] = ({"approved": True},)
    events: Mapping[str, Any] = field(default_factory=dict)
    cut_off: str | dict[str, Any] = "failed: invalid_answer"

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    def answer(self, request: ChatRequest) -> Step:
        """Return what the model says to a request.

        Raises:
            AssertionError: The row has no answer to it.
        """
        for key, reply in self.answers.items():
            if key == request.output_model or key in f"{request.instructions}\n{request.message}":
                said = reply(request) if callable(reply) else reply
                if isinstance(said, str | dict):
                    return Answer(said if isinstance(said, str) else json.dumps(said))
                return said
        raise AssertionError(f"{self.name}: the row has no answer to {request.body['messages']}")


PATTERNS = [
    Pattern(
        "content_approval",
        {"topic": "tea"},
        {
            "feedback: Say which": {"title": "Green tea", "content": "Green tea is warm."},
            "Draft": {"title": "Tea", "content": "Tea is warm."},
        },
        {"outcome": "published", "draft": {"title": "Green tea", "content": "Green tea is warm."}},
        model_calls=2,
        activities={"notify_reviewer": 2, "publish_content": 1},
        approvals=({"approved": False, "feedback": "Say which"}, {"approved": True}),
    ),
    Pattern(
        "email_triage",
        {"email": {"sender": "ada@example.com", "subject": "Order 7", "body": "Where is it?"}},
        {
            "SpamVerdict": {"is_spam": False, "confidence": 0.9, "reason": "An order."},
            "EmailReply": {"subject": "Re: Order 7", "body": "It is on its way."},
        },
        {"outcome": "replied", "reply": {"subject": "Re: Order 7", "body": "It is on its way."}},
        model_calls=2,
        activities={"send_email": 1},
    ),
]
