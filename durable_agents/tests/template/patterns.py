"""The orchestrations of the app, each with what one run of it is given, asks, does and ends with: one row each.

The rows are run over the wire in test_patterns_wire.py and on a host that kills itself in test_patterns_crash.py. Of an
orchestration that the app no longer has, the row is skipped.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from durable_agents.testing.chat_server import Answer, ChatRequest, Step, ToolCall

Reply: TypeAlias = str | dict[str, Any] | Step


@dataclass(frozen=True)
class Pattern:
    """One run of an orchestration.

    `answers` has what the model says: the first one whose key is the output model that is asked for, or stands in the
    instructions or in the message. No two of a run may be the same, for a crash is looked for in what the task hub has
    of them. `approvals` are the decisions in their order, `events` what is said to whom waits for that. `output` is a
    part of what the run ends with. `cut_off` is too, or the text of the error, when the first answer is cut off; None:
    that takes longer than a test may. `published` has what was published at noon of the first of January 2026.
    """

    name: str
    input: dict[str, Any]
    answers: Mapping[str, Reply | Callable[[ChatRequest], Reply]]
    output: dict[str, Any]
    model_calls: int
    activities: Mapping[str, int] = field(default_factory=dict)
    approvals: tuple[dict[str, Any], ...] = ({"approved": True},)
    events: Mapping[str, Any] = field(default_factory=dict)
    cut_off: str | dict[str, Any] | None = "failed: invalid_answer"
    published: Mapping[str, str] = field(default_factory=dict)

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


def _use(tool: str, **arguments: Any) -> Answer:
    """Ask for a tool."""
    return Answer(tool_calls=(ToolCall(f"call-{tool}", tool, arguments),))


def _in_turn(*replies: Reply) -> Callable[[ChatRequest], Reply]:
    """Give one reply after the other in a conversation."""
    return lambda request: replies[[message["role"] for message in request.body["messages"]].count("assistant")]


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
        activities={"notify_reviewer": 2, "record_decision": 2, "publish_content": 1},
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
    Pattern(
        "document_publishing",
        {"topic": "returns", "min_sections": 2},
        {
            "Search the library": _in_turn(
                _use("search_library", query="what are returns"), "Returns are free of charge."
            ),
            "Outline it again.": {
                "sections": [{"heading": name, "points": ["Nothing is charged."]} for name in ("How", "Costs")]
            },
            "Outline": {"sections": [{"heading": "How", "points": ["All is sent back."]}]},
            "Refine your article": {"title": "Returns", "content": "Returns are free, for 30 days."},
            "Write the article": {"title": "Returns", "content": "You can return what you do not like."},
        },
        {"draft": {"title": "Returns", "content": "Returns are free, for 30 days."}},
        model_calls=6,
        activities={"publish_content": 1},
    ),
    Pattern(
        "support_routing",
        {"question": "Is my invoice paid? It has the number 1002.", "customer_number": "C-17"},
        {
            "Classification": {"category": "billing", "confidence": 0.9, "reason": "It names an invoice."},
            "Customer number": _in_turn(
                _use("look_up_invoice", invoice_number="INV-1002", customer_number="C-17"), "It is paid since February."
            ),
        },
        {"reply": "It is paid since February.", "answered_by": "BillingSpecialist"},
        model_calls=3,
    ),
    Pattern(
        "topic_research",
        {"topic": "tea"},
        {
            "What is it,": "It is made of leaves.",
            "Who does it": "Half of the world drinks it.",
            "What speaks against it": "It stains the teeth.",
            "Summary": {"summary": "Tea is popular, and stains.", "key_points": [], "disagreements": []},
        },
        {"summary": {"summary": "Tea is popular, and stains."}, "missing": []},
        model_calls=4,
        cut_off={"missing": lambda missing: len(missing) == 1},
    ),
    Pattern(
        "content_refinement",
        {"brief": "Tea in two sentences."},
        {
            "Revise your article": {"title": "Green tea", "content": "Green tea is warm. It grows in hills."},
            "Draft": {"title": "Tea", "content": "Tea is warm."},
            "It grows in hills.": {"score": 9, "problems": [], "verdict": "Both sentences say something."},
            "Evaluation": {"score": 4, "problems": ["One sentence."], "verdict": "The second sentence is missing."},
        },
        {"outcome": "good_enough", "draft": {"title": "Green tea"}, "rounds": 2},
        model_calls=4,
    ),
    Pattern(
        "agent_loop",
        {"task": "What do two free returns cost?"},
        {
            "": _in_turn(
                Answer(
                    tool_calls=(
                        ToolCall("call-1", "search_library", {"query": "cost of sending back"}),
                        ToolCall("call-2", "calculate", {"expression": "2 * 0"}),
                    )
                ),
                _use("ask_human", question="Are both in the same country?"),
                "They cost nothing at all.",
            )
        },
        {"outcome": "answered", "answer": "They cost nothing at all.", "iterations": 3},
        model_calls=3,
        activities={"call_model": 3, "use_tool": 2},
        events={"HumanInput-2-1": {"answer": "Yes, they are."}},
        # A model call is an activity here, which is tried again.
        cut_off={"outcome": "answered"},
    ),
    Pattern(
        "subtopic_research",
        {"topic": "tea", "subtopics": ["growing", "brewing"]},
        {
            "Report": {"title": "Tea", "content": "Hills and three minutes.", "gaps": []},
            "Part: growing": {"summary": "It grows on hills.", "facts": [], "open_points": []},
            "Part: brewing": {"summary": "It takes three minutes.", "facts": [], "open_points": []},
        },
        {"report": {"content": "Hills and three minutes."}, "failed": []},
        model_calls=3,
        cut_off={"failed": lambda failed: len(failed) == 1},
    ),
    Pattern(
        "model_voting",
        {"question": "Which tea is for the evening?", "options": ["green", "black"]},
        {
            "": lambda request: {
                0.0: {"option": 1, "reason": "It has less of what wakes."},
                0.5: {"option": 1, "reason": "One sleeps better after it."},
                1.0: {"option": 2, "reason": "It goes with milk."},
            }[request.body["temperature"]]
        },
        {"outcome": "majority", "answer": "green", "margin": 1},
        model_calls=3,
        cut_off={"failed": lambda failed: len(failed) == 1},
    ),
    Pattern(
        "deep_research",
        {"question": "Where does tea come from?"},
        {
            "Report": {"title": "Tea", "content": "From the south, by chance.", "gaps": []},
            "Plan": {
                "tasks": [
                    {"goal": "Where it grows.", "questions": ["Which hills?"], "needs_plan": False},
                    {"goal": "Who found it.", "questions": ["Which legend?"], "needs_plan": False},
                ]
            },
            "Part: Which hills?": {"summary": "Those of the south.", "facts": [], "open_points": []},
            "Part: Which legend?": {"summary": "A leaf fell into water.", "facts": [], "open_points": []},
        },
        {"report": {"content": "From the south, by chance."}, "done": ["Where it grows.", "Who found it."]},
        model_calls=4,
    ),
    Pattern(
        "research_task",
        {"goal": "Where tea grows.", "questions": ["Which hills?", "Which soil?"]},
        {
            "Your open points": {"summary": "Those of the south.", "facts": [], "open_points": []},
            "Part: Which hills?": {"summary": "Some of them.", "facts": [], "open_points": ["Which of them?"]},
            "Part: Which soil?": {"summary": "It likes acid soil.", "facts": [], "open_points": []},
        },
        {"answers": lambda answers: [one["findings"]["open_points"] for one in answers] == [[], []]},
        model_calls=3,
        # It is asked again after a minute.
        cut_off=None,
    ),
    Pattern(
        "scheduled_digest",
        {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"},
        {"Digest": {"subject": "Tea is warm", "body": "One article was published."}},
        {"outcome": "filed", "articles": 1, "digest": {"subject": "Tea is warm"}},
        model_calls=1,
        activities={"list_publications": 1, "file_digest": 1},
        published={"tea.md": "# Tea"},
    ),
]
