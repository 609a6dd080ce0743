import base64
import hashlib
import re

from durable_agents.routes.review_page import show_page


def test_the_policy_lets_the_own_style_and_script_run_and_nothing_else() -> None:
    answer = show_page()
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    page = answer.get_body().decode()
    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[f"{tag}-src"] == f"'sha256-{digest}'"
    assert policy["default-src"] == policy["form-action"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert re.findall(r"\son\w+=|\sstyle=|\ssrc=|\shref=", page) == []


def test_the_page_is_the_same_for_everybody_and_kept_by_nobody() -> None:
    first, second = show_page(), show_page()
    assert first.get_body() == second.get_body()
    assert (first.headers["Cache-Control"], first.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert first.headers["X-Content-Type-Options"] == "nosniff"


def test_who_has_no_script_is_told_how_to_go_on() -> None:
    (told,) = re.findall(r"<noscript>(.*?)</noscript>", show_page().get_body().decode(), re.DOTALL)
    assert "JavaScript" in told
    assert "/decision" in told
