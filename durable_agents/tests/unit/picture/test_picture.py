"""Pictures of orchestrations: what each construct looks like, and that any picture is Mermaid."""

import textwrap
from pathlib import Path

import pytest

from durable_agents.picture.flow import DrawingError, draw
from durable_agents.picture.page import redrawn
from durable_agents.tests.unit.picture.mermaid import Flowchart, read

AGENTS = """
NAME = "Writer"
CRITIC, JUDGE = "Critic", "Judge"
"""
IMPORTS = ["activities.send import send_mail as mail", "agents import staff", "agents.staff import JUDGE"]
HEAD = "".join(f"from {name}\n" for name in IMPORTS)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an app, as it is named by whoever stands in it."""
    monkeypatch.chdir(tmp_path)
    Path("agents").mkdir()
    Path("agents", "staff.py").write_text(AGENTS)
    return Path()


def drawn(app: Path, body: str, parts: str = "") -> Flowchart:
    """Draw an orchestration with this body, in a module that has these parts too."""
    within = textwrap.indent(textwrap.dedent(body), "    ")
    file = app / "story.py"
    file.write_text(f"{HEAD}\n{textwrap.dedent(parts)}\ndef story(context, request):\n{within}")
    return read(draw(file, app))


def test_steps_one_after_the_other(app: Path) -> None:
    chart = drawn(
        app,
        """
        text = yield from context.ask(staff.NAME, "Go.", Text, timeout=TIME)
        yield from context.call(mail, text)
        yield from context.run("other", text)
        yield from context.wait_for("Paid", str)
        yield from context.sleep(HOUR)
        review = yield from context.approve(text.title, text.content)
        return Output(outcome="sent")
        """,
    )
    assert chart.edges == [
        "story -> ask Writer: Text",
        "ask Writer: Text -> call send_mail",
        "call send_mail -> run other",
        "run other -> wait for Paid",
        "wait for Paid -> sleep HOUR",
        "sleep HOUR -> approve text.title",
        "approve text.title -> sent",
    ]
    assert list(chart.shapes.values()) == ["end", "agent", "activity", "child", "wait", "wait", "wait", "end"]


def test_choices_are_drawn_where_they_decide_something(app: Path) -> None:
    chart = drawn(
        app,
        """
        output = Output(outcome="kept")
        if request.is_long:
            request = shorter(request)
        if (mark := found(request)) and "<b>" in mark:
            output.outcome = "dropped"
            return output
        elif request.is_new:
            yield from context.call(mail, request)
        else:
            raise ValueError("What is it?")
        return output
        """,
    )
    choice = "(mark := found(request)) and '<b>' in mark"
    assert chart.edges == [
        f"story -> {choice}",
        f"{choice} -yes-> dropped",
        f"{choice} -no-> request.is_new",
        "request.is_new -yes-> call send_mail",
        "request.is_new -no-> fails: ValueError",
        "call send_mail -> kept",
    ]


def test_a_loop_goes_back_and_may_be_left(app: Path) -> None:
    chart = drawn(
        app,
        """
        for number in range(3):
            text = yield from context.ask(JUDGE, "Go.")
            if not text:
                continue
            if text == "enough":
                break
        total = 0
        for word in text.split():
            total += 1
        while total > 3:
            total = yield from context.call("count", total)
        """,
    )
    assert chart.edges == [
        "story -> for number in range(3)",
        "for number in range(3) -next-> ask Judge",
        "ask Judge -> not text",
        "not text -no-> text == 'enough'",
        "text == 'enough' -no-> for number in range(3)",
        "not text -yes-> for number in range(3)",
        "for number in range(3) -over-> total > 3",
        "text == 'enough' -yes-> total > 3",
        "total > 3 -yes-> call count",
        "call count -> total > 3",
        "total > 3 -no-> done",
    ]


def test_an_endless_loop_begins_anew(app: Path) -> None:
    chart = drawn(
        app,
        """
        while True:
            done = yield from context.call(mail, request)
            if done:
                yield from context.continue_as_new(request)
        """,
    )
    assert chart.edges == [
        "story ->  ",
        "  -> call send_mail",
        "call send_mail -> done",
        "done -yes-> begin anew",
        "begin anew -> story",
        "done -no->  ",
    ]


def test_failures_go_where_they_are_handled(app: Path) -> None:
    chart = drawn(
        app,
        """
        try:
            text = yield from context.ask("Writer", "Go.")
        except (AgentError, AnswerError) as error:
            yield from context.call(mail, str(error))
        return text
        """,
    )
    assert chart.edges == [
        "story -> ask Writer",
        "ask Writer -on AgentError, AnswerError-> call send_mail",
        "ask Writer -> done",
        "call send_mail -> done",
    ]


def test_steps_at_the_same_time_are_a_group(app: Path) -> None:
    chart = drawn(
        app,
        """
        steps = [context.ask(agent, request) for agent in STAFF]
        answers = yield from context.all(steps, width=2)
        won = yield from context.first((context.wait_for("Go", str), context.sleep(HOUR)))
        made = []
        for answer in answers:
            made.append(context.call(mail, answer))
        yield from context.all(made)
        return won
        """,
        'STAFF = {staff.CRITIC: "a", JUDGE: "b"}',
    )
    assert chart.groups == {
        "at the same time, 2 at most, for each agent in STAFF": ["ask Critic or Judge"],
        "the first of": ["wait for Go", "sleep HOUR"],
        "at the same time": ["call send_mail"],
    }
    assert chart.edges == [
        "story -> at the same time, 2 at most, for each agent in STAFF",
        "at the same time, 2 at most, for each agent in STAFF -> the first of",
        "the first of -> at the same time",
        "at the same time -> done",
    ]


def test_parts_are_drawn_where_they_are_used(app: Path) -> None:
    chart = drawn(
        app,
        """
        found = yield from context.all([_look(context, one) for one in request.words])
        return (yield from _tell(context, staff.NAME, found))
        """,
        """
        def _look(context, word):
            try:
                return (yield from context.call("look", word))
            except ActivityError as error:
                return Nothing(reason=str(error))

        def _tell(context, agent, found):
            text = yield from context.ask(agent, found)
            if text:
                return text
            return (yield from _send(context, text))

        def _send(context, text):
            if text.is_long:
                return context.run(pages, text)
            return context.call(mail, text)
        """,
    )
    group = "at the same time, for each one in request.words"
    assert chart.groups == {group: ["call look", "Nothing"]}
    assert chart.edges == [
        f"story -> {group}",
        "call look -on ActivityError-> Nothing",
        f"{group} -> ask Writer",
        "ask Writer -> text",
        "text -no-> text.is_long",
        "text.is_long -yes-> run pages",
        "text.is_long -no-> call send_mail",
        "text -yes-> done",
        "run pages -> done",
        "call send_mail -> done",
    ]


def test_an_agent_that_is_only_known_at_run_time_is_named_as_in_the_code(app: Path) -> None:
    chart = drawn(
        app,
        """
        found = yield from context.ask(staff.CRITIC, "Go.")
        agent = found.agent if found.is_sure else staff.NAME
        for name in [agent, request.other]:
            yield from context.ask(name, "Go.")
        yield from context.ask(request.other, "Go.")
        """,
    )
    asked = [text for text, shape in chart.shapes.items() if shape == "agent"]
    assert asked == ["ask Critic", "ask Writer", "ask request.other"]


def test_it_is_the_same_each_time_whatever_stands_in_it(app: Path) -> None:
    body = """
    if request.text == "#`<>&" + '"':
        yield from context.wait_for("a 'b' \\n", str)
    match request.kind:
        case "x" | "y":
            yield from context.sleep(1)
        case _:
            return (yield from context.ask(request.agent, "?")) if request.asks else None
    """
    first = drawn(app, body)
    assert first == drawn(app, body)
    assert {"request.agent" in text for text in first.shapes} == {True, False}


@pytest.mark.parametrize("code", ["", "def other(context):\n    return 1", "def story(context):\n    return 1"])
def test_what_is_no_orchestration_cannot_be_drawn(code: str, app: Path) -> None:
    (app / "story.py").write_text(code)
    with pytest.raises(DrawingError, match="has no orchestration 'story'"):
        draw(app / "story.py", app)


def test_a_page_is_drawn_afresh_and_keeps_what_is_gone(app: Path) -> None:
    (app / "story.py").write_text("def story(context):\n    yield from context.sleep(1)")
    old = "<!-- picture: gone.py -->\n```mermaid\nflowchart TD\n```\n"
    page = f"# A\n\n<!-- picture: story.py -->\n\nText.\n\n{old}"
    once = redrawn(page, app)
    assert once == f"# A\n\n<!-- picture: story.py -->\n```mermaid\n{draw(app / 'story.py', app)}```\n\nText.\n\n{old}"
    assert redrawn(once.replace("sleep", "slept"), app) == once


def test_code_of_a_page_is_taken_afresh(app: Path) -> None:
    (app / "story.py").write_text("def story(context):\n    one = 1\n    if one:\n        two = 2\n\n\nthree = 3")
    page = "<!-- code: story.py from: one = -->\n```python\nold\n```\n<!-- code: gone.py from: x -->\n"
    new = page.replace("old", "one = 1\nif one:\n    two = 2")
    assert redrawn(page, app) == redrawn(new, app) == new
    with pytest.raises(DrawingError, match="has no line with 'four', from which"):
        redrawn("<!-- code: story.py from: four -->\n", app)
