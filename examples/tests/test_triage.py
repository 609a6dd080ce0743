"""examples/triage.py against a local server that loses answers, goes away and fails runs."""

import argparse
import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from rich.console import Console

from examples import triage
from examples.tests.runs_server import RunsServer

EMAILS = Path(__file__).parents[2] / "examples" / "emails"


@pytest.fixture
async def server() -> AsyncIterator[RunsServer]:
    server = RunsServer()
    await server.start()
    yield server
    await server.stop()


def options_for(server: RunsServer, folder: Path, *flags: str) -> argparse.Namespace:
    return triage.parse_arguments([str(folder), "--url", server.url, "--patience", "10", *flags])


async def triage_folder(options: argparse.Namespace) -> tuple[list[triage.Result], str]:
    screen = io.StringIO()
    console = Console(file=screen, width=200)
    results = await triage.triage_all(sorted(options.folder.glob("*.eml")), options, console)
    console.print(triage.results_table(results))
    return results, screen.getvalue()


def write_email(folder: Path, name: str, body: str = "Hello") -> None:
    (folder / name).write_text(f"From: a@example.com\nSubject: S\n\n{body}\n")


async def test_every_email_is_started_once_although_answers_are_lost(server: RunsServer) -> None:
    server.lose_answers = True
    results, screen = await triage_folder(options_for(server, EMAILS))
    assert {result.outcome for result in results} == {"quarantined"}
    assert len(server.started) == len(list(EMAILS.glob("*.eml")))
    assert "trying again" in screen and "It says [bold] so." in screen


async def test_a_repeat_of_the_whole_batch_starts_nothing(server: RunsServer, tmp_path: Path) -> None:
    write_email(tmp_path, "one.eml")
    first, _ = await triage_folder(options_for(server, tmp_path))
    again, _ = await triage_folder(options_for(server, tmp_path))
    assert first == again and len(server.started) == 1
    await triage_folder(options_for(server, tmp_path, "--batch", "second try"))
    assert len(server.started) == 2


async def test_waits_for_a_host_that_is_restarted(server: RunsServer, tmp_path: Path) -> None:
    write_email(tmp_path, "one.eml")
    await server.stop()
    work = asyncio.create_task(triage_folder(options_for(server, tmp_path)))
    await asyncio.sleep(0.2)
    assert not work.done()
    await server.start()
    results, _ = await work
    assert results[0].outcome == "quarantined"


async def test_gives_up_when_patience_is_over(server: RunsServer, tmp_path: Path) -> None:
    write_email(tmp_path, "one.eml")
    await server.stop()
    results, _ = await triage_folder(options_for(server, tmp_path, "--patience", "0"))
    await server.start()
    assert results[0].outcome == "error"
    assert results[0].reason.startswith(f"no answer from {server.url} for 0 s")


async def test_a_failed_run_and_a_file_that_is_no_email_do_not_stop_the_others(
    server: RunsServer, tmp_path: Path
) -> None:
    write_email(tmp_path, "one.eml")
    (tmp_path / "two.eml").write_bytes(b"\x00\x01")
    (tmp_path / "three.eml").mkdir()
    server.ending = "Failed"
    results, screen = await triage_folder(options_for(server, tmp_path))
    reasons = {result.name: result.reason for result in results}
    assert reasons["one.eml"] == "the run ended as Failed: the model failed"
    assert reasons["two.eml"] == "not an e-mail: it has no From header"
    assert "three.eml" in reasons and "0 quarantined, 0 replied, 0 ignored, 3 error" in screen


async def test_a_run_without_end_is_reported_as_such(server: RunsServer, tmp_path: Path) -> None:
    write_email(tmp_path, "one.eml")
    server.ending = "Running"
    results, _ = await triage_folder(options_for(server, tmp_path, "--wait", "0.3"))
    assert results[0].outcome == "error" and results[0].reason == "no outcome after 0.3 s"


def test_the_exit_status_tells_whether_every_email_has_an_outcome(tmp_path: Path) -> None:
    (tmp_path / "broken.EML").write_text("")
    assert triage.main([str(tmp_path), "--patience", "0"]) == 1
    with pytest.raises(SystemExit, match=r"No \.eml files"):
        triage.main([str(tmp_path / "nothing")])


@pytest.mark.parametrize("flags", [["--concurrency", "0"], ["--url", "localhost:7071"]])
def test_a_wrong_command_line_is_refused(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        triage.parse_arguments(["folder", *flags])
    assert flags[0] in capsys.readouterr().err
