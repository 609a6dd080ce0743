"""The pages behind a reviewer's link: plain HTML and one style sheet, no script.

Everything that is not of this module is escaped, the draft character by character: what cannot be seen, or would
reorder the text around it, is shown by its number, so that nothing is approved that was not read.
"""

import base64
import hashlib
import html
import unicodedata
from datetime import UTC, datetime
from string import Template

import azure.functions as func

from hosting.approvals.requests import ApprovalRequest, RecordedDecision

_STYLE = """
:root { color-scheme: light dark; }
* { box-sizing: border-box; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; line-height: 1.25; }
h2 { font-size: 1.2rem; line-height: 1.25; }
h1, h2, p, dd, pre { overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0 1rem; }
dt { font-weight: 600; }
dd { margin: 0; }
.draft { border: 1px solid GrayText; border-radius: .4rem; padding: .2rem 1rem; }
pre { font: inherit; white-space: pre-wrap; unicode-bidi: plaintext; }
mark { font: .8em monospace; }
label { display: block; font-weight: 600; margin-top: 1rem; }
textarea, button { font: inherit; width: 100%; padding: .6rem; }
button { margin-top: .8rem; border: 2px solid; border-radius: .4rem; font-weight: 600; cursor: pointer; }
:focus-visible { outline: 3px solid; outline-offset: 3px; }
@media (min-width: 30rem) { button { width: auto; min-width: 9rem; margin-right: .8rem; } }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>$style</style>
</head>
<body>
<main>
<h1>$title</h1>
$content
</main>
</body>
</html>
""")

# A line break after <pre> is not part of the text: the first one is always ours.
_DRAFT = Template("""<section class="draft" aria-label="Draft">
<h2 dir="auto">$title</h2>
<pre dir="auto">
$content</pre>
</section>
""")

# There is no protection against forged requests, because none is needed: no cookie speaks for the reviewer. The token
# in the URL does, and who knows that could decide anyway.
_FORM = Template("""<p>$intro</p>
<dl>
<dt>Asked by</dt><dd>$asked_by</dd>
<dt>Reviewer</dt><dd>$reviewer</dd>
<dt>Draft</dt><dd>number $attempt</dd>
<dt>Until</dt><dd><time datetime="$expires_iso">$expires</time></dd>
<dt>Approvals</dt><dd>$approvals of $required</dd>
</dl>
$draft
<form method="post">
<label for="feedback">Feedback (a rejection with feedback asks for a new draft)</label>
<textarea id="feedback" name="feedback" rows="4" maxlength="10000"></textarea>
<button name="decision" value="approve">Approve</button>
<button name="decision" value="reject">Reject</button>
</form>
""")


def page(title: str, content: str, status: int = 200) -> func.HttpResponse:
    """Return a page; `title` is text, `content` is HTML of this module."""
    text = _PAGE.substitute(title=escape(title), style=_STYLE, content=content)
    return func.HttpResponse(text.encode(), status_code=status, headers=HEADERS, mimetype="text/html", charset="utf-8")


def message_page(title: str, message: str, status: int) -> func.HttpResponse:
    """Return a page that says one thing."""
    return page(title, f"<p>{escape(message)}</p>", status)


def request_page(run: str, request: ApprovalRequest, reviewer: str, title: str, content: str) -> func.HttpResponse:
    """Return the page that asks `reviewer` to decide: the whole draft, and a form that posts to the same address.

    `run` says who asks.
    """
    again = "Nobody decided on this draft in time, so it comes to you. " if request.escalated else ""
    form = _FORM.substitute(
        intro=f"{again}Read the draft, then approve or reject it. What you decide is final.",
        asked_by=escape(run),
        reviewer=escape(reviewer),
        attempt=request.attempt,
        expires_iso=escape(request.expires_at.isoformat()),
        expires=escape(_time(request.expires_at)),
        approvals=request.approvals,
        required=request.required_approvals,
        draft=_DRAFT.substitute(title=escape(title), content=escape(content)),
    )
    return page("A draft waits for your decision", form)


def outcome_page(decision: RecordedDecision, request: ApprovalRequest | None) -> func.HttpResponse:
    """Return the page that says what was decided; `request` is the one it is about while that waits for others."""
    verdict = "approved" if decision.approved else "rejected"
    who = f" by {decision.reviewer}" if decision.reviewer else ""
    when = f" on {_time(decision.decided_at)}" if decision.decided_at else ""
    text = f"This draft was {verdict}{who}{when}."
    if decision.settled:
        return message_page(f"The draft was {verdict}", text, 200)
    if request is None:
        text += " That was not enough: not all who were needed decided in time."
    else:
        text += f" It needs {request.required_approvals} approvals; others have still to decide."
    return message_page("Your approval was counted", text, 200)


def escape(text: str) -> str:
    """Return `text` as HTML in which every character can be seen.

    Control and format characters become their number: NUL would be dropped, a direction mark would reorder the text.
    """
    return "".join(f"<mark>U+{ord(char):04X}</mark>" if _is_invisible(char) else html.escape(char) for char in text)


def _is_invisible(char: str) -> bool:
    return char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
