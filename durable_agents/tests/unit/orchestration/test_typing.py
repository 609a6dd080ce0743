"""What mypy finds in an orchestration: a right one is right, and each wrong line is found, with these words."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
RIGHT = """
from collections.abc import Sequence
from datetime import timedelta

from pydantic import BaseModel

from durable_agents import Keyed, OrchestrationContext, Steps


class Letter(Keyed):
    text: str


class Receipt(BaseModel):
    place: str


class Verdict(BaseModel):
    is_spam: bool


def send(letter: Letter, *, folder: str) -> Receipt:
    return Receipt(place=folder + letter.text)


async def paint(letter: Letter) -> Verdict:
    return Verdict(is_spam=bool(letter.text))


def child(context: OrchestrationContext, request: Letter) -> Steps[Receipt]:
    return (yield from context.call(send, request))


def story(context: OrchestrationContext, request: Letter) -> Steps[Receipt]:
    text: str = yield from context.ask("Writer", "Well?")
    verdict: Verdict = yield from context.ask("Judge", text, Verdict)
    receipt: Receipt = yield from context.call(send, Letter(text=text))
    event: Verdict = yield from context.wait_for("Go", Verdict, timeout=timedelta(hours=1))
    pair: tuple[Receipt, Verdict] = yield from context.all((child(context, request), context.wait_for("Go", Verdict)))
    several: list[Receipt] = yield from context.all([context.run(child, request), context.call(send, request)])
    won = yield from context.first([context.call(send, request), child(context, request), context.sleep(timedelta(1))])
    place: str = won.result.place if won.result else pair[0].place
    painted: Verdict = yield from context.call(paint, request)
    print(painted.is_spam, verdict.is_spam, event.is_spam, several[0].place, place)
    return receipt
"""
# What is given is not what is taken.
CANNOT_FIT = 'Cannot infer value of type parameter "InputT"|has incompatible type'
WRONG = {
    "yield from context.call(sned, request)": 'Name "sned" is not defined',
    "yield from context.call(send, Verdict(is_spam=True))": CANNOT_FIT,
    "yield from context.call(send, Letter(txt='x'))": 'Unexpected keyword argument "txt" for "Letter"|Missing',
    "p: Receipt = yield from context.call(paint, request)": 'expression has type "Verdict", variable has type "Rec',
    "x: Receipt = context.call(send, request)": 'expression has type "Step\\[Receipt\\]", variable has type "Receipt"',
    "context.call(send, request).place": '"Step\\[Receipt\\]" has no attribute "place"',
    "y: Verdict = yield from context.call(send, request)": 'expression has type "Receipt", variable has type "Verdict"',
    "z: Receipt = yield from context.ask('W', 'm', Verdict)": 'expression has type "Verdict", variable has type "Rec',
    "n: int = yield from context.ask('W', 'm')": 'expression has type "str", variable has type "int"',
    "yield from context.run(child, Verdict(is_spam=True))": CANNOT_FIT,
    "yield from context.run(send, request)": 'Argument 1 to "run" .* has incompatible type',
    "e: Receipt = yield from context.wait_for('Go', Verdict)": 'expression has type "Verdict", variable has type "Rec',
    "yield from context.all([1, 2])": "has incompatible type",
    "return (yield from context.ask('W', 'm', Verdict))": 'Incompatible return value type \\(got "Verdict"',
}


@pytest.mark.thorough
@pytest.mark.timeout(180)  # Without a cache of mypy.
def test_mypy_finds_what_is_wrong(tmp_path: Path) -> None:
    lines = [
        f"def wrong{n}(context: OrchestrationContext, request: Letter) -> Steps[Receipt]:\n    {line}\n"
        "    return (yield from child(context, request))\n"
        for n, line in enumerate(WRONG)
    ]
    (tmp_path / "right.py").write_text(RIGHT, encoding="utf-8")
    (tmp_path / "wrong.py").write_text(f"{RIGHT}\n\n" + "\n\n".join(lines), encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "pyproject.toml", "--no-error-summary"]
    checked = subprocess.run(
        [*command, str(tmp_path / "right.py"), str(tmp_path / "wrong.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    found = checked.stdout
    assert "right.py" not in found, found
    program = (tmp_path / "wrong.py").read_text(encoding="utf-8").splitlines()
    for line, words in WRONG.items():
        number = next(n for n, text in enumerate(program, 1) if text.strip() == line)
        said = "\n".join(text for text in found.splitlines() if f"wrong.py:{number}: error" in text)
        assert re.search(words, said), f"{line}: {said or 'nothing'}"
