"""Send a folder of e-mails (.eml files) through the email_triage orchestration and print what became of each.

    python3 dev.py run examples/triage.py examples/emails

The host may be stopped, killed and started again meanwhile: a request that gets no answer is repeated until
`--patience` runs out. Every start carries an Idempotency-Key derived from the e-mail's bytes, so an e-mail is started
once however often the request, or this whole script, is repeated. `--batch NAME` changes the keys: a new name
starts every e-mail anew.

The exit status is 0 only if every file ended as quarantined (spam), replied or ignored (a machine sent it).
"""

import argparse
import asyncio
import hashlib
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

OUTCOMES = ("quarantined", "replied", "ignored")
MACHINE_HEADERS = ("Auto-Submitted", "Precedence")
ENDED = frozenset({"Completed", "Failed", "Terminated", "Canceled"})
BLOCK_TAGS = frozenset(
    {"address", "blockquote", "br", "div", "h1", "h2", "h3", "h4", "hr", "li", "ol", "p", "table", "tr", "ul"}
)
HIDDEN_TAGS = frozenset({"script", "style", "template", "title"})
MAX_BODY = 60_000


class TriageError(Exception):
    """One e-mail could not be brought to an outcome; the message says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one file: `outcome` is one of `OUTCOMES` or, with the cause in `reason`, `error`."""

    name: str
    outcome: str
    confidence: float | None
    reason: str
    instance_id: str = ""


def main(arguments: list[str]) -> int:
    options = parse_arguments(arguments)
    paths = sorted(path for path in options.folder.rglob("*") if path.suffix.lower() == ".eml")
    if not paths:
        sys.exit(f"No .eml files in {options.folder}.")
    console = Console()
    results = asyncio.run(triage_all(paths, options, console))
    console.print(results_table(results))
    return 0 if all(result.outcome in OUTCOMES for result in results) else 1


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    summary, _, details = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="searched with all its subfolders for .eml files")
    parser.add_argument("--url", default="http://localhost:7071", help="where the app is (default: %(default)s)")
    parser.add_argument("--key", help="function key, for an app on Azure")
    parser.add_argument("--batch", default="", help="part of the idempotency keys: a new name starts everything anew")
    parser.add_argument("--concurrency", type=int, default=4, help="e-mails in flight (default: %(default)s)")
    parser.add_argument(
        "--patience", type=float, default=120, help="seconds to wait for a host that does not answer (default: 120)"
    )
    parser.add_argument("--wait", type=float, default=900, help="seconds to wait for one run (default: 900)")
    options = parser.parse_args(arguments)
    if options.concurrency < 1:
        parser.error("--concurrency must be at least 1")
    if not options.url.startswith(("http://", "https://")):
        parser.error(f"--url must start with http:// or https://, got {options.url!r}")
    return options


async def triage_all(paths: list[Path], options: argparse.Namespace, console: Console) -> list[Result]:
    """Triage every file, at most `options.concurrency` at a time, and return the results in the order of `paths`."""
    columns = (TextColumn("Triage"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    headers = {"x-functions-key": options.key} if options.key else {}
    slots = asyncio.Semaphore(options.concurrency)
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("triage", total=len(paths))
        async with httpx.AsyncClient(base_url=options.url, headers=headers, timeout=60) as http:
            runs = RunClient(http, options.patience, console)

            async def triage_one(path: Path) -> Result:
                async with slots:
                    result = await triage_file(path, str(path.relative_to(options.folder)), runs, options)
                progress.advance(bar)
                return result

            return list(await asyncio.gather(*map(triage_one, paths)))


async def triage_file(path: Path, name: str, runs: "RunClient", options: argparse.Namespace) -> Result:
    instance_id = ""
    try:
        raw = path.read_bytes()
        email = read_email(raw)
        instance_id = await runs.start(email, idempotency_key(raw, options.batch))
        async with asyncio.timeout(options.wait):
            output = await runs.output(instance_id)
    except TimeoutError:
        return Result(name, "error", None, f"no outcome after {options.wait:g} s", instance_id)
    except (OSError, TriageError) as error:
        return Result(name, "error", None, str(error), instance_id)
    return Result(name, output["outcome"], output["verdict"]["confidence"], output["verdict"]["reason"], instance_id)


def idempotency_key(raw: bytes, batch: str) -> str:
    return "triage-" + hashlib.sha256(batch.encode() + b"\0" + raw).hexdigest()


class RunClient:
    """The two calls of the runs API, repeated while the host does not answer.

    Args:
        http: Client with the app's base URL.
        patience: Seconds without any answer after which a call gives up.
        console: Where the first sign of an unreachable host is reported.
    """

    def __init__(self, http: httpx.AsyncClient, patience: float, console: Console) -> None:
        self._http = http
        self._patience = patience
        self._console = console
        self._waiting = False

    async def start(self, email: dict[str, Any], key: str) -> str:
        """Start the run of this key, or find the one that an earlier attempt started, and return its instance id."""
        headers = {"Idempotency-Key": key}
        answer = await self._call("POST", "/api/runs/email_triage", json={"email": email}, headers=headers)
        return str(answer["instance_id"])

    async def output(self, instance_id: str) -> dict[str, Any]:
        """Wait until the run has ended and return its output.

        Raises:
            TriageError: The run ended without one of the outcomes.
        """
        pause = 0.05
        while (run := await self._call("GET", f"/api/runs/{instance_id}"))["runtime_status"] not in ENDED:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 2)
        output = run["output"]
        if run["runtime_status"] != "Completed" or output["outcome"] not in OUTCOMES:
            raise TriageError(f"the run ended as {run['runtime_status']}: {run['error'] or output}")
        return dict(output)

    async def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._patience
        while True:
            try:
                response = await self._http.request(method, path, **request)
                if response.status_code not in {429, 502, 503, 504}:
                    self._waiting = False
                    return read_answer(response)
                trouble = f"HTTP {response.status_code}"
            except httpx.TransportError as error:
                trouble = str(error) or type(error).__name__
            if loop.time() > give_up:
                raise TriageError(f"no answer from {self._http.base_url} for {self._patience:g} s: {trouble}")
            if not self._waiting:
                self._waiting = True
                self._console.print(f"No answer from {self._http.base_url} ({escape(trouble)}); trying again ...")
            await asyncio.sleep(0.5)


def read_answer(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of a successful response; raise `TriageError` with the problem's detail otherwise."""
    try:
        answer = response.json()
    except ValueError:
        answer = {"detail": response.text[:200]}
    if response.is_error:
        raise TriageError(f"HTTP {response.status_code}: {answer.get('detail') or answer}")
    return dict(answer)


def read_email(raw: bytes) -> dict[str, Any]:
    """Return the e-mail as the orchestration's input: sender, subject, body, and message_id and headers if it has them.

    The body is the plain text part if there is one, else the HTML part as text with its link targets. It is cut after
    `MAX_BODY` characters, and attachments are named at its end.

    Raises:
        TriageError: The bytes are not an e-mail, or use an encoding that Python does not know.
    """
    message = message_from_bytes(raw, policy=policy.default)
    if "from" not in message:
        raise TriageError("not an e-mail: it has no From header")
    try:
        text = body_text(message).strip()
    except (LookupError, ValueError) as error:
        raise TriageError(f"its text cannot be decoded: {error}") from error
    if len(text) > MAX_BODY:
        text = f"{text[:MAX_BODY]}\n[{len(text) - MAX_BODY} more characters not shown]"
    email: dict[str, Any] = {
        "sender": str(message["from"]),
        "subject": str(message.get("subject", "")),
        "body": "\n".join([text, *attachment_lines(message)]),
    }
    message_id = str(message.get("message-id", ""))
    if re.fullmatch("[!-~]{1,900}", message_id) and "=?" not in message_id:
        email["message_id"] = message_id
    if headers := {name: str(message[name]) for name in MACHINE_HEADERS if name in message}:
        email["headers"] = headers
    return email


def body_text(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    content = str(part.get_content())
    return html_to_text(content) if part.get_content_subtype() == "html" else content.replace("\r\n", "\n")


def attachment_lines(message: EmailMessage) -> Iterator[str]:
    for part in message.iter_attachments():
        yield f"[attachment: {part.get_filename() or 'unnamed'}, {part.get_content_type()}]"


def html_to_text(html: str) -> str:
    """Return the visible text of an HTML document, one line per block, each link followed by its target."""
    extractor = TextExtractor()
    extractor.feed(html)
    extractor.close()
    lines = (" ".join(line.split()) for line in "".join(extractor.pieces).splitlines())
    return "\n".join(line for line in lines if line)


class TextExtractor(HTMLParser):
    """Collects visible text and link targets in `pieces`."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._hidden = 0
        self._link: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in HIDDEN_TAGS:
            self._hidden += 1
        elif tag in BLOCK_TAGS:
            self.pieces.append("\n")
        elif tag == "a":
            self._link = dict(attrs).get("href")

    def handle_endtag(self, tag: str) -> None:
        if tag in HIDDEN_TAGS:
            self._hidden = max(0, self._hidden - 1)
        elif tag in BLOCK_TAGS:
            self.pieces.append("\n")
        elif tag == "a" and self._link:
            self.pieces.append(f" ({self._link})")
            self._link = None

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(" ".join(data.split("\n")))


def results_table(results: list[Result]) -> Table:
    counts = {outcome: sum(result.outcome == outcome for result in results) for outcome in (*OUTCOMES, "error")}
    table = Table(caption=", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    for heading in ("E-mail", "Outcome", "Confidence", "Reason"):
        table.add_column(heading, overflow="fold")
    for result in results:
        confidence = "" if result.confidence is None else f"{result.confidence:.2f}"
        reason = (
            result.reason if result.outcome == "error" else textwrap.shorten(result.reason, 120, placeholder=" ...")
        )
        table.add_row(escape(result.name), result.outcome, confidence, escape(reason))
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
