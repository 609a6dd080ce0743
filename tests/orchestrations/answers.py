"""What agents answer in these tests, beside the models that they are asked for."""

from agent_framework import AgentResponse, Content, Message


def said(text: str) -> AgentResponse:
    """Return an answer in prose."""
    return AgentResponse(messages=[Message("assistant", [text])])


def failed() -> AgentResponse:
    """Return what a session has in the place of an answer when the model call has failed."""
    return AgentResponse(
        messages=[Message("assistant", [Content.from_error(message="boom", error_code="rate_limited")])]
    )
