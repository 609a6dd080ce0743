"""The command says what is wrong, a line for each, and its exit status says whether anything is."""

import subprocess
import sys
from pathlib import Path

import pytest

from durable_agents.determinism.__main__ import main
from durable_agents.tests.unit.determinism.project import found_in, typed

ROOT = Path(__file__).parents[4]


def command(*arguments: str) -> tuple[int, str, str]:
    run = [sys.executable, "-m", "durable_agents.determinism", *arguments]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_folder_with_a_fault(tmp_path: Path) -> None:
    found_in(tmp_path, typed("at = time.time()\nn = roll()", "import time\nfrom dice import roll"), {"dice.py": DICE})
    status, output, errors = command(str(tmp_path))
    assert status == 1
    assert output.splitlines() == [
        f"{tmp_path}/dice.py:3: random: `random.randint(1, 6)` in `roll` (called by `story` at {tmp_path}/story.py:12) "
        "is another value in each replay. Draw it in an activity, or take `context.new_id()`.",
        f"{tmp_path}/story.py:11: clock: `time.time()` in `story` reads the clock, and each replay another time. Take "
        "`context.now`.",
    ]
    assert "in every replay: 2. A line that is right as it is says why" in errors


DICE = "import random\ndef roll():\n    return random.randint(1, 6)\n"


def test_a_folder_without_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found_in(tmp_path, typed("at = context.now"))
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["no-such-folder"]])
def test_what_it_cannot_do(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert ("There is no folder" if "no-such-folder" in arguments else "FOLDER...") in capsys.readouterr().err


def test_several_folders_and_what_is_no_part_of_an_app(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = typed("at = time.time()", "import time")
    for place in ("tests/test_x.py", ".hidden/x.py", "durable_agents/x.py", "devhost/x.py", "inner/x.py"):
        found_in(tmp_path, typed(""), {place: wrong})
    (tmp_path / "inner" / "function_app.py").touch()
    assert main([str(tmp_path)]) == 0
    assert main([str(tmp_path), str(tmp_path / "inner"), str(tmp_path / "tests")]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 2
