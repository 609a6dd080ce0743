"""`dev.py conformance` ends with a sentence and exit status 1 when there is nothing to play against."""

import socket

import pytest

from devhost.tests.conformance.player.__main__ import main


def test_host_that_is_not_there_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert main(["play", "--base", url]) == 1
    assert capsys.readouterr().err.startswith(f"{url} cannot be reached: ")


def test_devhost_that_does_not_start_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["play", "--", "--no-such-flag"]) == 1
    assert "it knows no --no-such-flag" in capsys.readouterr().err
