"""Pins of a new version are put among what is the user's."""

import pytest

from devhost.project.pins import merge
from devhost.project.requirement_lines import logical_lines, required

R, DEV, C = "requirements.txt", "requirements-dev.txt", "constraints.txt"


def merged(ours: dict[str, str], theirs: dict[str, str]) -> dict[str, str]:
    return {**ours, **merge(ours, theirs)[0]}


@pytest.mark.parametrize(
    ("ours", "theirs", "after"),
    [
        ("a==1\n", "a==2\n", "a==2\n"),
        ("a==1", "a==2\n", "a==2\n"),
        ("A_b==1\n", "a-b==2\n", "A_b==2\n"),
        ("a[x]==1  # why\nb>=3\n", "a==2\n", "a[x]==2  # why\nb>=3\n"),
        ("a>=1,<2\n", "a==2\n", "a==2\n"),
        ("a\n", "a==2\n", "a==2\n"),
        ("# a==1\n\n-r other.txt\n", "a==2\n", "# a==1\n\n-r other.txt\na==2\n"),
        ("a==1; python_version < '3.13'\na==2; python_version >= '3.13'\n", "a==3\n", "a==3\n"),
        ("a==1\n", "a==2; python_version < '3.13'\na==3; python_version >= '3.13'\n",
         "a==2; python_version < '3.13'\na==3; python_version >= '3.13'\n"),
        ("a==1 \\\n    --hash=sha256:0\nb==1\n", "a==2\n", "a==2\nb==1\n"),
        ("a @ https://example.com/a.whl\n", "b==1\n", "a @ https://example.com/a.whl\nb==1\n"),
        ("./a-1.0.whl\nhttps://example.com/b.whl\n", "a==2\n", "./a-1.0.whl\nhttps://example.com/b.whl\na==2\n"),
        ("a==1\r\nb==1\r\n", "a==2\n", "a==2\r\nb==1\r\n"),
        ("a==2\n", "a==2\n", "a==2\n"),
    ],
)  # fmt: skip
def test_one_file(ours: str, theirs: str, after: str) -> None:
    assert merged({R: ours}, {R: theirs}) == {R: after}


def test_what_i_require_myself_gets_their_version_and_is_not_named_twice() -> None:
    ours = {R: "openai==1\n", DEV: "-r requirements.txt\n", C: "idna==1\n"}
    theirs = {R: "httpx==1\n", DEV: "openai==2\n", C: "openai==2\nidna==2\n", "devhost/requirements.txt": "uvloop==1\n"}
    assert merged(ours, theirs) == {
        R: "openai==2\nhttpx==1\n",
        DEV: "-r requirements.txt\n",
        C: "idna==2\n",
    }


def test_a_condition_in_one_file_is_none_of_another() -> None:
    theirs = {DEV: "a==1; sys_platform == 'win32'\n", C: "a==1\n"}
    assert merge(dict(theirs), theirs) == ({}, [])
    assert merged({DEV: "a==0; sys_platform == 'win32'\n", C: "a==0\n"}, theirs) == theirs


def test_a_second_merge_changes_nothing() -> None:
    theirs = {R: "a==2\nb==1\n", C: "c==1\n"}
    once = merged({R: "a==1\nmine==1\n", C: ""}, theirs)
    assert merge(once, theirs) == ({}, [])


def test_lines_are_read_as_pip_reads_them() -> None:
    text = "a==1 \\\n  --hash=x\n# c\nB.c>=1\n-r x.txt\n./d.whl\n\n"
    assert len(list(logical_lines(text))) == 6
    assert required(text) == {"a", "b-c", "-r x.txt", "./d.whl"}
