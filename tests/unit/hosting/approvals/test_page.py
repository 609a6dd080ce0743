import base64
import hashlib
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from hosting.approvals.page import HEADERS, escape, message_page, outcome_page, request_page
from hosting.approvals.requests import ApprovalRequest, RecordedDecision

REQUEST = ApprovalRequest(
    request_id="r1",
    event_name="Approval-r1",
    content_hash="0" * 64,
    attempt=2,
    title="Tea",
    preview="Tea is warm.",
    preview_truncated=False,
    expires_at=datetime(2026, 1, 2, 9, 30, tzinfo=UTC),
    required_approvals=2,
    approvals=1,
)
HOSTILE = [
    "</textarea></pre></section><script>document.title = 'run'</script>",
    "<img src=x onerror=alert(1)>",
    "\" onfocus=alert(1) autofocus x='",
    "&lt;b&gt; &amp;amp; &#x3c;script&#x3e;",
    "${title} $content $$ {0} %s",
    "\n\n  two line breaks first,\ttabs, and blanks at the end  \n",
    "<!-- ]]> <![CDATA[ <?php ?> <style>*{display:none}</style>",
]
INVISIBLE = ["\x00", "\r", "\x1b", "\x7f", "\x85", "\u200b", "\u202e", "\u2066", "\u2028", "\ufeff", "\U000e0041"]


class DraftReader(HTMLParser):
    """Reads a page as a browser does: which elements there are, and the text of the draft."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.draft = ""
        self._inside = False
        self.feed(page)
        # The parser of a browser drops the line break after <pre>.
        self.draft = self.draft.removeprefix("\n")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self._inside = self._inside or tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "pre"

    def handle_data(self, data: str) -> None:
        self.draft += data if self._inside else ""


def text_of(title: str, content: str) -> str:
    return request_page("run", REQUEST, "ada", title, content).get_body().decode()


PLAIN = DraftReader(text_of("Tea", "Tea is warm.")).elements


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_draft_is_text_and_nothing_else(text: str) -> None:
    read = DraftReader(text_of("Tea", text))
    assert read.elements == PLAIN
    assert read.draft == text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_title_run_or_reviewer_adds_no_element(text: str) -> None:
    page = request_page(text, REQUEST, text, text, "Tea is warm.").get_body().decode()
    assert DraftReader(page).elements == PLAIN
    assert DraftReader(message_page(text, text, 410).get_body().decode()).elements.count("script") == 0


@pytest.mark.parametrize("character", INVISIBLE)
def test_what_cannot_be_seen_is_shown_by_its_number(character: str) -> None:
    page = text_of("Tea", f"pay{character}roll")
    assert f"pay<mark>U+{ord(character):04X}</mark>roll" in page
    assert character not in page


def test_every_character_of_unicode_is_escaped_or_harmless() -> None:
    every = "".join(map(chr, range(0x110000)))
    escaped = escape(every)
    escaped.encode()
    assert set(re.sub(r"&(?:amp|lt|gt|quot|#x27);|</?mark>", "", escaped)).isdisjoint("<>&\"'\x00\u202e")


def test_a_long_draft_is_shown_to_its_last_character() -> None:
    content = "tea & <biscuits>\n" * 6_000 + "the end"
    assert len(content) > 100_000
    assert DraftReader(text_of("Tea", content)).draft == content


def test_the_page_says_who_asks_until_when_and_how_many_have_approved() -> None:
    page = text_of("Tea", "Tea is warm.")
    for said in ("<dd>run</dd>", "<dd>ada</dd>", "number 2", "2026-01-02 09:30 UTC", "1 of 2"):
        assert said in page
    assert "in time" not in page
    escalated = request_page("run", REQUEST.model_copy(update={"escalated": True}), "ada", "Tea", "x")
    assert "Nobody decided on this draft in time" in escalated.get_body().decode()


def test_every_field_has_a_label_and_nothing_runs() -> None:
    page = text_of("Tea", "Tea is warm.")
    fields = re.findall(r'<textarea id="(\w+)"', page)
    assert fields
    assert all(f'<label for="{field}">' in page for field in fields)
    assert not re.search(r"<script|\son\w+=|javascript:|style=|src=|href=", page)


def test_the_headers_allow_this_style_sheet_and_nothing_else() -> None:
    response = message_page("Tea", "x", 410)
    assert response.status_code == 410
    assert {name: response.headers[name] for name in HEADERS} == HEADERS
    (style,) = re.findall(r"<style>(.*?)</style>", response.get_body().decode(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = response.headers["Content-Security-Policy"].split("; ")
    assert policy[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert set(policy[2:]) == {"form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"}


def test_the_outcome_says_who_decided_what_and_when() -> None:
    decision = RecordedDecision(
        request_id="r1",
        content_hash="0" * 64,
        approved=True,
        reviewer="<ada>",
        decided_at=datetime(2026, 1, 1, 8, tzinfo=UTC),
        settled=False,
    )
    waiting = outcome_page(decision, REQUEST).get_body().decode()
    assert "approved by &lt;ada&gt; on 2026-01-01 08:00 UTC. It needs 2 approvals" in waiting
    over = outcome_page(decision, None).get_body().decode()
    assert "not all who were needed decided in time" in over
    for page in (waiting, over):
        assert "The draft was approved" not in page
    settled = decision.model_copy(update={"settled": True, "approved": False, "reviewer": None})
    assert "This draft was rejected on" in outcome_page(settled, None).get_body().decode()
