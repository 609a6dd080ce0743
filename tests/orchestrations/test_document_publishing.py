from typing import Any

import pytest

from agents.writer import Draft, Outline, Section
from durable_agents import Orchestration
from durable_agents.testing import Api, Replay, replay
from orchestrations.document_publishing import DocumentPublishingInput, document_publishing, find_flaws
from tests.orchestrations.answers import failed, said

PUBLISHING = Orchestration(document_publishing)
INPUT = {"topic": "returns", "min_sections": 2, "must_cover": ["30 Days "]}
FIRST, SECOND = Section(heading="When", points=["within 30 days"]), Section(heading="How", points=["by post"])
GOOD, SHORT = Outline(sections=[FIRST, SECOND]), Outline(sections=[FIRST])
WRITTEN = Draft(title="Returns", content="You have 30 days. You have 30 days.")
REFINED = Draft(title="Returns", content="You have 30 days.")
PUBLISHED = {"store": "folder", "location": "published/x.md"}


@pytest.fixture
def outlining() -> Replay:
    """A run that has its findings, and waits for the outline."""
    run = replay(PUBLISHING, INPUT)
    assert run.asked("Researcher")["message"] == "Search the library for returns"
    run.answer("Researcher", said("30 days (returns.txt)."))
    return run


def test_each_step_is_given_what_the_one_before_has_made(outlining: Replay) -> None:
    first = outlining.asked("Writer")
    for part in ("Topic: returns", "Sections: 2 or more", "Cover: 30 Days ", "30 days (returns.txt)."):
        assert part in first["message"]
    outlining.answer("Writer", GOOD)
    assert outlining.state["customStatus"] == {"stage": "writing", "sections": 2}
    writing = outlining.asked("Writer")
    outlining.answer("Writer", WRITTEN)
    refining = outlining.asked("Writer")
    outlining.answer("Writer", REFINED)

    # The Writer knows outline and article from its conversation.
    assert {first["entity"]} == {writing["entity"], refining["entity"]}
    assert "along your outline" in writing["message"]
    assert "Refine your article" in refining["message"]
    article = outlining.waits_for("publish_content")
    assert (article["title"], article["content"]) == (REFINED.title, REFINED.content)
    outlining.complete("publish_content", PUBLISHED)
    assert outlining.output == {
        "outline": GOOD.model_dump(),
        "draft": REFINED.model_dump(),
        "publication": PUBLISHED,
    }


def test_a_bad_outline_goes_back_once_with_the_reason(outlining: Replay) -> None:
    before = outlining.asked("Writer")["entity"]
    outlining.answer("Writer", SHORT)
    again = outlining.asked("Writer")
    assert again["message"] == "Outline it again. Sections: 1, where 2 to 12 are asked for."
    assert again["entity"] == before
    outlining.answer("Writer", GOOD)
    assert outlining.state["customStatus"]["stage"] == "writing"
    outlining.answer("Writer", WRITTEN)
    outlining.answer("Writer", REFINED)
    outlining.complete("publish_content", PUBLISHED)
    assert outlining.output["outline"] == GOOD.model_dump()


def test_a_second_bad_outline_fails_the_run_before_anything_is_written(outlining: Replay) -> None:
    outlining.answer("Writer", SHORT)
    outlining.answer("Writer", Outline(sections=[SECOND, SECOND]))
    error = outlining.state["error"]
    assert error.startswith("The outline was sent back once and still has flaws. It does not mention '30 Days '.")
    assert not outlining.open


@pytest.mark.parametrize(
    ("sections", "flaws"),
    [
        ([FIRST, SECOND], ""),
        ([], "Sections: 0, where 2 to 12 are asked for. It does not mention '30 Days '."),
        ([FIRST, *[SECOND] * 12], "Sections: 13, where 2 to 12 are asked for."),
        ([FIRST, Section(heading=" ", points=["by post"])], "Section 2 is empty; it needs a heading and a point."),
        ([FIRST, Section(heading="How", points=[""])], "Section 2 is empty; it needs a heading and a point."),
        ([Section(heading="Within 30 DAYS", points=["yes"]), SECOND], ""),
    ],
)
def test_the_gate_says_all_that_is_wrong(sections: list[Section], flaws: str) -> None:
    assert find_flaws(Outline(sections=sections), DocumentPublishingInput.model_validate(INPUT)) == flaws


def test_a_failed_model_call_fails_the_run_and_names_the_agent(outlining: Replay) -> None:
    outlining.answer("Writer", failed())
    assert outlining.state["error"].startswith("Agent 'Writer' failed: rate_limited.")
    run = replay(PUBLISHING, INPUT)
    run.answer("Researcher", failed())
    assert run.state["error"].startswith("Agent 'Researcher' failed: rate_limited.")


def test_an_answer_that_is_no_outline_fails_the_run(outlining: Replay) -> None:
    outlining.answer("Writer", said("First, when; then, how."))
    assert outlining.state["error"] == "Agent 'Writer' did not answer with a Outline."


def test_an_article_that_cannot_be_published_fails_the_run(outlining: Replay) -> None:
    for answer in (GOOD, WRITTEN, REFINED):
        outlining.answer("Writer", answer)
    outlining.fail("publish_content")
    assert outlining.state["error"].startswith("boom")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"topic": " "}, "topic"),
        ({"topic": "tea", "min_sections": 13}, "min_sections"),
        ({"topic": "tea", "must_cover": [""]}, "must_cover.0"),
        ({"topic": "tea", "sections": 3}, "sections"),
    ],
)
def test_bad_input_is_refused_by_its_field(api: Api, body: dict[str, Any], field: str) -> None:
    answer = api.http.post("/api/runs/document_publishing", json=body)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, [field])
