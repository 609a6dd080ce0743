"""However a clock is called by and whatever it stands in, it is found; and without one nothing is."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from durable_agents.tests.unit.determinism.project import found_in, typed

# Each gives the name before it another one; the last name is what is called. All of the module.
HOPS = (
    "{new} = {old}",
    "{new} = partial({old})",
    "{new} = lambda: {old}()",
    "def {new}():\n    return {old}()",
    "def {new}(inner=None):\n    other = {old}\n    return other()",
    "class C{new}:\n    run = {old}\n{new} = C{new}.run",
    "class C{new}:\n    @staticmethod\n    def run():\n        return {old}()\n{new} = C{new}.run",
    '{new} = {{"a": {old}}}["a"]',
    "{new} = [{old}][0]",
    "def m{new}():\n    return {old}\n{new} = m{new}()",
    "class C{new}:\n    def run(self):\n        return {old}()\n{new} = C{new}().run",
    "{new} = {old} if 1 else {old}",
)
# Each stands around an expression.
AROUND = (
    "[{inner}]",
    "({inner}, 1)",
    "{{1: {inner}}}",
    "'{{}}'.format({inner})",
    "max({inner}, 1)",
    "({inner} if request.topic else 1)",
    "(lambda n: {inner})(1)",
    "[{inner} for n in (1, 2)]",
    "str({inner})",
    "({inner} or 1)",
    "sorted([1], key=lambda n: {inner})",
    "Topic(topic=str({inner})).topic",
    "{inner}.real",
    "-({inner})",
    "[1, {inner}][0]",
)
CLOCKS = (
    ("import time\nc0 = time.time", "c0"),
    ("from datetime import datetime as c", "c.now"),
    ("import datetime as c", "c.datetime.now"),
    ("from time import monotonic as c0", "c0"),
)


def app_of(clock: tuple[str, str], hops: list[str], around: list[str]) -> str:
    above, name = ["from functools import partial", clock[0]], clock[1]
    for number, hop in enumerate(hops, 1):
        above.append(hop.format(old=name, new=f"n{number}"))
        name = f"n{number}"
    expression = f"{name}()"
    for one in around:
        expression = one.format(inner=expression)
    return typed(f"value = {expression}", "\n".join(above))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(CLOCKS), st.lists(st.sampled_from(HOPS), max_size=4), st.lists(st.sampled_from(AROUND), max_size=4)
)
def test_a_clock_is_found_behind_any_names_and_in_any_expression(
    clock: tuple[str, str], hops: list[str], around: list[str]
) -> None:
    source = app_of(clock, hops, around)
    compile(source, "story.py", "exec")
    with tempfile.TemporaryDirectory() as folder:
        findings = found_in(Path(folder), source)
    assert {one.code for one in findings} == {"clock"}, source


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(HOPS), max_size=4), st.lists(st.sampled_from(AROUND), max_size=4))
def test_what_gives_the_same_each_time_is_not_found(hops: list[str], around: list[str]) -> None:
    source = app_of(("def steady():\n    return 5", "steady"), hops, around)
    compile(source, "story.py", "exec")
    with tempfile.TemporaryDirectory() as folder:
        assert found_in(Path(folder), source) == [], source
