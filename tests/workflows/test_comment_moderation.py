import pytest
from agent_framework import WorkflowRunResult
from pydantic import ValidationError

from activities.publish_content import Article, PublicationReceipt
from durable_agents.orchestration.human_requests import HumanInput, HumanRequest
from durable_agents.testing import OfflineChatClient
from workflows.comment_moderation import (
    Comment,
    ModeratedComment,
    ModerationDecision,
    ModerationRequest,
    create_comment_moderation,
)

MOST_STATUS_BYTES = 16 * 1024
LINK = "It has a link or an address."
SHOUT = "It is written in capital letters."


class Paper:
    """Where comments are published, and the graph that decides which."""

    def __init__(self) -> None:
        self.published: list[Article] = []
        self._graph = create_comment_moderation(OfflineChatClient(), self.publish)

    def publish(self, article: Article) -> PublicationReceipt:
        self.published.append(article)
        return PublicationReceipt(store="folder", location=f"{article.key}.md")

    async def submit(self, text: str) -> WorkflowRunResult:
        return await self._graph.run(Comment(author="Ada", text=text))

    async def decide(self, asked: WorkflowRunResult, decision: ModerationDecision) -> ModeratedComment:
        (event,) = asked.get_request_info_events()
        result = await self._graph.run(responses={event.request_id: decision})
        (moderated,) = result.get_outputs()
        assert isinstance(moderated, ModeratedComment)
        return moderated


@pytest.fixture
def paper() -> Paper:
    return Paper()


async def test_a_comment_without_objections_is_published_at_once(paper: Paper) -> None:
    result = await paper.submit("I would add that restores need rehearsals.")
    assert result.get_request_info_events() == []
    (article,) = paper.published
    assert (article.title, article.content) == ("Comment by Ada", "I would add that restores need rehearsals.")
    assert result.get_outputs() == [ModeratedComment(outcome="published", objections=[], location=f"{article.key}.md")]


@pytest.mark.parametrize(
    ("text", "objections"),
    [
        ("See https://example.com", [LINK]),
        ("Write to eve@example.com", [LINK]),
        ("THIS IS ALL WRONG", [SHOUT]),
        ("READ WWW.EXAMPLE.COM NOW", [LINK, SHOUT]),
    ],
)
async def test_a_human_is_asked_about_each_objection(paper: Paper, text: str, objections: list[str]) -> None:
    result = await paper.submit(text)
    (event,) = result.get_request_info_events()
    assert event.data == ModerationRequest(comment=Comment(author="Ada", text=text), objections=objections)
    assert (result.get_outputs(), paper.published) == ([], [])


@pytest.mark.parametrize("text", ["OK", "NATO and the UN agree", "I live in the U.S. of A."])
async def test_a_few_capital_letters_are_no_shouting(paper: Paper, text: str) -> None:
    assert (await paper.submit(text)).get_request_info_events() == []


async def test_the_detector_is_one_of_the_checks(paper: Paper) -> None:
    (event,) = (await paper.submit("You won the lottery, claim your prize")).get_request_info_events()
    assert isinstance(event.data, ModerationRequest)
    (objection,) = event.data.objections
    assert objection.startswith("It looks like spam: ")


async def test_an_approved_comment_is_published_with_its_moderator(paper: Paper) -> None:
    asked = await paper.submit("See www.example.com")
    moderated = await paper.decide(asked, ModerationDecision(approved=True, moderator="mary"))
    (article,) = paper.published
    assert article.content == "See www.example.com"
    assert moderated == ModeratedComment(
        outcome="published", objections=[LINK], moderator="mary", location=f"{article.key}.md"
    )


async def test_a_rejected_comment_is_not_published(paper: Paper) -> None:
    asked = await paper.submit("See www.example.com")
    moderated = await paper.decide(asked, ModerationDecision(approved=False, moderator="mary", note="advertising"))
    assert paper.published == []
    assert moderated == ModeratedComment(outcome="rejected", objections=[LINK], moderator="mary", note="advertising")


async def test_the_longest_request_has_room_in_the_status_of_a_run(paper: Paper) -> None:
    worst = "\N{GRINNING FACE}"
    comment = Comment(author=worst * 60, text=f"WWW.A you won the lottery prize {worst * 468}")
    (event,) = (await paper.submit(comment.text)).get_request_info_events()
    assert isinstance(event.data, ModerationRequest)
    asked = event.data.model_copy(update={"comment": comment, "objections": [*event.data.objections, SHOUT]})
    request = HumanRequest(
        request_id="0" * 36,
        source_executor_id="weigh",
        data=asked.model_dump(),
        request_type="m" * 60,
        response_type="m" * 60,
    )
    status = HumanInput(requests=[request]).model_dump_json(ensure_ascii=True)
    assert len(status.encode("utf-16-le")) < MOST_STATUS_BYTES


@pytest.mark.parametrize(("author", "text"), [("", "x"), ("Ada", ""), ("Ada", "x" * 501), ("Ada\nEve", "x")])
def test_a_comment_is_short_and_has_an_author(author: str, text: str) -> None:
    with pytest.raises(ValidationError):
        Comment(author=author, text=text)
