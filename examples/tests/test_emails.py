"""The example e-mails: well formed, varied, and read as a person would read them."""

import re
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from examples.triage import MAX_BODY, TriageError, html_to_text, read_email

FOLDER = Path(__file__).parents[2] / "examples" / "emails"
PATHS = sorted(FOLDER.glob("*.eml"))


def read(name: str) -> dict[str, Any]:
    return read_email((FOLDER / f"{name}.eml").read_bytes())


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_is_well_formed_and_uses_example_addresses_only(path: Path) -> None:
    raw = path.read_bytes()
    message = message_from_bytes(raw, policy=policy.default)
    parts = list(message.walk())
    assert [defect for part in parts for defect in part.defects] == []
    assert [defect for part in parts for value in part.values() for defect in value.defects] == []
    email = read_email(raw)
    addresses = re.findall(r"[\w.+-]+@([\w.-]+\w)", "\n".join([*map(str, message.values()), email["body"]]))
    assert all(re.fullmatch(r"([\w-]+\.)*example\.(com|org)", domain) for domain in addresses)
    assert "�" not in "".join(email.values())


def test_there_are_enough_of_them() -> None:
    assert len(PATHS) >= 14


def test_encoded_headers_and_bodies_are_decoded() -> None:
    assert read("utf8-base64")["subject"] == "Brötchen für Samstag: früher liefern?"
    assert "schließt uns auf" in read("utf8-base64")["body"]
    assert "réservé est arrivé" in read("latin1-quoted-printable")["body"]
    assert read("iso-2022-jp")["subject"] == "出展申込書について"


def test_html_is_read_as_text_with_link_targets() -> None:
    body = read("html-only")["body"]
    assert "Garden Room is free on 12 December" in body and "€180" in body
    assert "on our site (https://rooms.example.com/garden/plan)" in body
    assert "color" not in body and "<" not in body


def test_plain_text_is_preferred_and_attachments_are_named() -> None:
    assert "<p>" not in read("multipart-alternative")["body"]
    assert read("attachment")["body"].endswith("[attachment: waste.csv, text/csv]")


def test_missing_parts_are_empty() -> None:
    assert read("missing-subject")["subject"] == ""
    assert read("empty-body")["body"] == ""


def test_line_ends_and_folded_headers_are_as_written() -> None:
    assert b"\r\n" in (FOLDER / "crlf-line-ends.eml").read_bytes()
    assert "\r" not in read("crlf-line-ends")["body"]


def test_a_message_id_that_is_none_is_left_out() -> None:
    assert "message_id" not in read_email(b"From: a@example.com\nMessage-ID:\n\nHello")


def test_a_body_over_the_limit_is_cut_and_says_so() -> None:
    body = read_email(b"From: a@example.com\n\n" + b"x" * (MAX_BODY + 5))["body"]
    assert body == "x" * MAX_BODY + "\n[5 more characters not shown]"


def test_an_unknown_encoding_is_reported() -> None:
    with pytest.raises(TriageError, match="unknown encoding: klingon"):
        read_email(b"From: a@example.com\nContent-Type: text/plain; charset=klingon\n\n\xe4")


def test_html_blocks_become_lines_and_scripts_vanish() -> None:
    html = "<title>T</title><p>One <i>two</i></p><script>x()</script><ul><li>a<li>b</ul>&amp;<br>end"
    assert html_to_text(html) == "One two\na\nb\n&\nend"


def test_headers_that_a_machine_sets_are_handed_on() -> None:
    raw = b"From: bot@example.com\r\nAuto-Submitted: auto-generated\r\nPrecedence: bulk\r\nX-Other: 1\r\n\r\nHello\r\n"
    assert read_email(raw)["headers"] == {"Auto-Submitted": "auto-generated", "Precedence": "bulk"}
    assert "headers" not in read("plain-question")
